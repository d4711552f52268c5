"""The laboratory's settings file."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepscan_core import planning, settings
from deepscan_core.errors import InputError
from deepscan_core.features.backbones import DEFAULT_BACKBONE
from deepscan_core.ingest.normalise import Preprocessing
from deepscan_core.settings import NAMES, Settings, as_toml


def written(folder: Path, text: str) -> Path:
    path = folder / "settings.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_gives_what_it_names_and_defaults_give_the_rest(tmp_path: Path) -> None:
    text = 'beam_current_pa = 80\nbackbone = "classical"\nclahe = true\nbackbone_weights = "w/my.safetensors"\n'
    found, named = Settings.from_file(written(tmp_path, text))
    assert (found.beam_current_pa, found.backbone, found.clahe) == (80.0, "classical", True)
    assert found.backbone_weights == tmp_path / "w" / "my.safetensors", "paths are beside the file"
    assert found.density == Settings().density
    assert named == {"beam_current_pa", "backbone", "clahe", "backbone_weights"}


def test_defaults_are_those_of_the_core() -> None:
    assert Settings().backbone == DEFAULT_BACKBONE
    assert Settings().density == planning.PlanSettings().density
    assert (Settings().denoise, Settings().clahe) == (Preprocessing().denoise, Preprocessing().clahe)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("beam_curent_pa = 50", "did you mean beam_current_pa"),
        ("colour = 'red'", "give one of pixel_size_source, beam_current_pa"),
        ("[plan]\ndwell_us = 3", "'plan' is not known"),
        ("beam_current_pa = '50'", "beam_current_pa is '50': give a number above zero"),
        ("beam_current_pa = nan", "beam_current_pa is nan"),
        ("beam_current_pa = inf", "beam_current_pa is inf"),
        ("beam_current_pa = true", "beam_current_pa is True"),
        (f"beam_current_pa = 1{'0' * 400}", "give a number above zero"),
        ("max_time_s = -1", "max_time_s is -1"),
        ("area_fraction = [0.1]", "area_fraction is \\[0.1\\]"),
        ("backbone = 3", "backbone is 3: give a text in quotes"),
        ("backbone = ''", "backbone is '': give a text"),
        ("clahe = 1", "clahe is 1: give true or false"),
        ("pixel_size_source = 'guess'", "'guess': give one of file, required, command"),
        ("pixel_size_source = []", "give one of file, required, command"),
        ("backbone_weights = 1979-05-27", "give a text in quotes"),
        ("beam_current_pa 50", "is not TOML"),
        ("backbone = 'a'\nbackbone = 'b'", "is not TOML"),
        ("a = " + "[" * 5000, "is not TOML"),
        ("# " + "x" * 200_000, "more than 100000"),
    ],
)
def test_what_cannot_be_meant_is_refused_and_named(tmp_path: Path, text: str, named: str) -> None:
    with pytest.raises(InputError, match=named) as refusal:
        Settings.from_file(written(tmp_path, text))
    assert "settings.toml" in str(refusal.value)


def test_unreadable_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        Settings.from_file(tmp_path / "absent.toml")
    with pytest.raises(InputError, match="is a folder"):
        Settings.from_file(tmp_path)
    with pytest.raises(InputError, match="null"):
        Settings.from_file(Path("a\0b"))
    (tmp_path / "latin.toml").write_bytes(b"backbone = '\xe9'")
    with pytest.raises(InputError, match="is not TOML"):
        Settings.from_file(tmp_path / "latin.toml")


def test_the_file_in_force_is_the_first_of_the_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    user, computer = tmp_path / "user" / "settings.toml", tmp_path / "computer" / "settings.toml"
    monkeypatch.setattr(settings, "default_places", lambda: (user, computer))
    assert settings.find_file() is None
    for path in (computer, user):
        path.parent.mkdir()
        path.write_text("")
        assert settings.find_file() == path
    monkeypatch.setenv(settings.VARIABLE, str(tmp_path / "lab.toml"))
    assert settings.find_file() == tmp_path / "lab.toml", "named, so it must exist"
    assert settings.find_file(Path("given.toml")) == Path("given.toml")


def test_places_are_the_users_and_the_computers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()  # the fixture that keeps tests from reading this computer's settings
    places = settings.default_places()
    assert len(places) == 2
    assert all(place.is_absolute() and place.parts[-2:] == ("deepscan", "settings.toml") for place in places)


texts = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)
positives = st.floats(min_value=1e-300, max_value=1e300)


@given(backbone=texts, current=positives, clahe=st.booleans(), model=st.none() | texts)
def test_what_is_shown_can_be_read_back(
    tmp_path_factory: pytest.TempPathFactory, backbone: str, current: float, clahe: bool, model: str | None
) -> None:
    given_settings = Settings(backbone=backbone, beam_current_pa=current, clahe=clahe, clip_model=model)
    shown = as_toml(dataclasses.asdict(given_settings), dict.fromkeys(NAMES, "here"))
    path = written(tmp_path_factory.mktemp("shown"), shown)
    assert Settings.from_file(path)[0] == given_settings
