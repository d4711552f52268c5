"""Whatever happens to a journal, what is read from it is true, and resuming neither loses a tile nor exposes twice."""

from __future__ import annotations

import functools
import hashlib
import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepscan_core.acquisition.chain import FIRST, line_of
from deepscan_core.acquisition.journal import FILE_NAME, read_lines
from deepscan_core.errors import InputError
from deepscan_core.survey import Survey
from tests.acquisition.small_runs import KINDS, Microscope, plan, recorded, session

LIMIT_IN_DOSES = 2.5
PROTOCOL = plan(3, max_doses=LIMIT_IN_DOSES)

#: sessions of a run: at which step it stops (4: at none), how, and whether what may have been exposed is repeated
SHARES = 1 << 20  # of a journal, more than it has bytes
SESSIONS = st.lists(st.tuples(st.integers(1, 4), st.sampled_from(KINDS), st.booleans()), min_size=1, max_size=3)


@functools.cache
def long_journal() -> bytes:
    """The journal of a run in which everything happened that a journal tells of."""
    with tempfile.TemporaryDirectory() as folder:
        carry_out([(1, "taken", False), (2, "abort", False), (2, "fail", True), (4, "abort", True)], Path(folder))
        content = (Path(folder) / FILE_NAME).read_bytes()
    events = {json.loads(line)["entry"]["event"] for line in content.splitlines()}
    assert events >= {"start", "exposing", "step", "not exposed", "interrupted", "failed", "resumed", "restored", "end"}
    return content


def carry_out(sessions: list[tuple[int, str, bool]], directory: Path) -> Microscope:
    microscope = Microscope()
    for number, (stop_at, kind, repeat) in enumerate(sessions):
        resume = {"resume": True, "repeat_exposed": repeat, "restore_parameters": False} if number else {}
        session(PROTOCOL, directory, Microscope(microscope, stop_at=stop_at, kind=kind), **resume)
    return microscope


def damaged(data: st.DataObject, content: bytes) -> tuple[bytes, int]:
    """A journal with one damage, and the byte from which on it differs."""
    lines = content.splitlines(keepends=True)
    kind = data.draw(st.sampled_from(["cut", "change", "remove a line", "swap two lines", "repeat a line", "append"]))
    # Times in a journal differ in length from run to run: what is drawn must not depend on that.
    at = len(content) * data.draw(st.integers(0, SHARES - 1)) // SHARES
    line = (len(lines) - 1) * data.draw(st.integers(0, SHARES - 1)) // SHARES
    start = sum(map(len, lines[:line]))
    if kind == "cut":
        return content[:at], at
    if kind == "change":
        other = content[at] ^ data.draw(st.integers(1, 255))
        return content[:at] + bytes([other]) + content[at + 1 :], at
    if kind == "remove a line":
        return b"".join(lines[:line] + lines[line + 1 :]), start
    if kind == "swap two lines":
        return b"".join([*lines[:line], lines[line + 1], lines[line], *lines[line + 2 :]]), start
    if kind == "repeat a line":
        return b"".join([*lines[: line + 1], lines[line], *lines[line + 1 :]]), start + len(lines[line])
    return content + data.draw(st.binary(min_size=1, max_size=50)), len(content)


@given(st.data())
@settings(max_examples=250, deadline=None)
def test_what_stands_is_what_was_written_before_the_damage(data: st.DataObject) -> None:
    content = long_journal()
    wrong, at = damaged(data, content)
    reading = read_lines(wrong)
    whole_lines = content[:at].count(b"\n")
    assert reading.lines == whole_lines
    assert wrong[: reading.end] == b"".join(content.splitlines(keepends=True)[:whole_lines])
    assert bool(reading.problem) is (reading.end < len(wrong))


@given(st.binary(max_size=300) | st.text(max_size=100).map(str.encode))
def test_no_bytes_are_more_than_a_problem(content: bytes) -> None:
    reading = read_lines(content)
    assert (reading.lines, reading.end) == (0, 0)
    assert bool(reading.problem) is bool(content)


PLACES = (
    ("start", "steps"),
    ("exposing", "order"),
    ("exposing", "sent/rows"),
    ("exposing", "sent/dwell_time_us"),
    ("exposing", "sent/center_y_nm"),
    ("step", "attempt"),
    ("step", "started_s"),
    ("step", "total_electrons"),
    ("step", "tile/bytes"),
    ("step", "read/rows"),
    ("step", "read/height_nm"),
    ("step", "read/context/fov_y_nm"),
)
NEVER = ("NaN", "-Infinity", "1e999", "1e31", "-1e16", "true", '"7"', "[]", "9" * 5000, "[" * 2000)


@pytest.mark.parametrize(("event", "place"), PLACES)
@pytest.mark.parametrize("number", NEVER, ids=lambda number: number[:9])
def test_a_forged_line_with_a_number_that_cannot_be_does_not_stand(event: str, place: str, number: str) -> None:
    """The chain is right, so only the value speaks against it."""
    entries = [json.loads(text)["entry"] for text in long_journal().splitlines()]
    at = [entry["event"] for entry in entries].index(event)
    *parts, key = place.split("/")
    target = functools.reduce(lambda inside, part: inside[part], parts, entries[at])
    target[key] = "@"
    previous, content = FIRST, b""
    for entry in entries[:at]:
        line, previous = line_of(entry, previous)
        content += line
    text = json.dumps(entries[at]).replace('"@"', number).encode()
    sha256 = hashlib.sha256(previous.encode() + text).hexdigest().encode()
    reading = read_lines(content + b'{"sha256": "' + sha256 + b'", "entry": ' + text + b"}\n")
    assert reading.lines == at
    assert "removed" not in reading.problem


@given(SESSIONS, st.data(), st.booleans())
@settings(max_examples=60, deadline=None)
def test_any_run_with_any_damage_is_resumed_without_loss_or_second_exposure(
    sessions: list[tuple[int, str, bool]], data: st.DataObject, repeat: bool
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        microscope = carry_out(sessions, directory)
        path = directory / FILE_NAME
        tiles = {tile.name: tile.read_bytes() for tile in directory.glob("tiles/*.npy")}
        exposed = dict(microscope.exposed)
        wrong, _ = damaged(data, path.read_bytes())
        path.write_bytes(wrong)
        standing = read_lines(wrong)
        survey = Survey(
            PROTOCOL,
            Microscope(microscope),
            directory=directory,
            resume=True,
            repeat_exposed=repeat,
            restore_parameters=False,
        )
        if not standing.lines:
            with pytest.raises(InputError, match="has no beginning"):
                survey.run()
            assert path.read_bytes() == wrong
            assert dict(microscope.exposed) == exposed
        else:
            frames = survey.run()
            _check_outcome(survey, len(frames), standing.history.recorded, microscope, exposed, repeat)
            assert recorded(directory) >= standing.history.recorded
            asides = list(directory.glob("*.set-aside-*"))
            assert b"".join(aside.read_bytes() for aside in asides) == wrong[standing.end :]
        kept = {tile.read_bytes() for tile in directory.glob("tiles/*")}
        assert kept >= set(tiles.values())
        for place in PROTOCOL.steps:
            grid, dose = place.on_specimen(PROTOCOL.context), PROTOCOL.steps[0].dose_e_per_nm2
            assert dose is not None
            assert microscope.dose.at(*grid.mesh_nm()).max() <= LIMIT_IN_DOSES * dose * (1 + 1e-9)


def _check_outcome(
    survey: Survey,
    frames: int,
    verified: frozenset[int],
    microscope: Microscope,
    exposed: dict[int, int],
    repeat: bool,
) -> None:
    left_out = {one.order for one in survey.left_out}
    assert frames + len(left_out) == len(PROTOCOL.steps)
    assert len(survey.notes) >= len(left_out)
    for order in range(1, 4):
        times = microscope.exposed[order] - exposed.get(order, 0)
        if order in verified or order in left_out:
            assert times == 0
        elif exposed.get(order, 0):
            assert (times, repeat) == (1, True)
        else:
            assert times == 1
