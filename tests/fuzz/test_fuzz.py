"""A few hundred cases of the fuzz run, and what its own parts promise."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz import targets
from tests.fuzz.mutations import mutated

SLOW = (b"\x89HDF", b"GWYP")  # each in a process of its own
FED = {name: content for name, content in targets.everything().items() if content[:4] not in SLOW}


# RosettaSciIO leaves a file open when it fails; it is closed when it is collected.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("seed", range(0, 600, 100))
def test_damage_is_read_or_refused(seed: int, tmp_path: Path) -> None:
    for number in range(seed, seed + 100):
        targets.feed(*targets.case(number, FED), tmp_path)


def test_good_input_is_taken(tmp_path: Path) -> None:
    made = ["plain.tif", "grey.png", "ome.tif", "a.ndata", "a.mrc", "a.sxm", "a.stp", "a.spm"]
    made = [*(f"file/{name}" for name in made), "protocol/p.json", "settings/s.toml"]
    assert all(targets.feed(name, FED[name], tmp_path) for name in made)


def test_the_same_seed_gives_the_same_damage() -> None:
    data, others = bytes(range(256)) * 20, [b"other" * 50]
    first = [mutated(seed, data, others) for seed in range(50)]
    assert first == [mutated(seed, data, others) for seed in range(50)]
    assert sum(one != data for one in first) > 40


def test_another_exception_is_a_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(path: Path) -> None:
        raise KeyError(path)

    monkeypatch.setattr(targets, "_read", fail)
    with pytest.raises(KeyError):
        targets.feed("file/a.tif", b"", tmp_path)
