"""How much memory may be used."""

from __future__ import annotations

from pathlib import Path

import pytest

from deepscan_core import memory
from deepscan_core.errors import InputError


def test_half_of_what_is_free_may_be_used() -> None:
    free = memory.free_bytes()
    assert 0 < free < 1e15
    memory.check_memory(free / 4, "a small thing")
    with pytest.raises(InputError, match=r"a large thing needs about .* of memory, .*half of what is free"):
        memory.check_memory(4 * free, "a large thing")


def test_a_limit_that_was_set_is_named_and_ends_with_its_block() -> None:
    with memory.limited_to(0.001):
        memory.check_memory(1e6, "just enough")
        with pytest.raises(InputError, match=r"2 MB of memory, and the limit is 1 MB \(that was set\)"):
            memory.check_memory(2e6, "too much")
        with memory.limited_to(None), pytest.raises(InputError):
            memory.check_memory(2e6, "None keeps the limit in force")
    memory.check_memory(2e6, "no limit but the free memory")


@pytest.mark.parametrize("bad", [0, -1, float("nan"), float("inf"), True])
def test_an_absurd_limit_is_refused(bad: float) -> None:
    with pytest.raises(InputError, match="memory limit"), memory.limited_to(bad):
        pass


def test_a_container_that_leaves_less_than_the_computer_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limit, used = tmp_path / "max", tmp_path / "current"
    monkeypatch.setattr(memory, "_CONTROL_GROUPS", ((str(limit), str(used)),))
    whole = memory.free_bytes()
    limit.write_text("max\n")
    used.write_text("1000\n")
    assert memory.free_bytes() > whole / 2, "max is no limit"
    limit.write_text("5001000\n")
    assert memory.free_bytes() == 5_000_000


def test_the_address_space_of_the_process_counts() -> None:
    resource = pytest.importorskip("resource")
    import psutil

    before = resource.getrlimit(resource.RLIMIT_AS)
    try:
        resource.setrlimit(resource.RLIMIT_AS, (psutil.Process().memory_info().vms + 10_000_000, before[1]))
        assert memory.free_bytes() <= 10_000_000
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
