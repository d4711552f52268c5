"""Maps made by another process: the same as in this one, and what happens when it fails."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deepscan_core.errors import DeepScanError, InputError
from deepscan_core.live import link, maps
from deepscan_core.live.beside import ClosedError, MapProcess, NoProcessError, command
from deepscan_core.live.clicks import Click
from deepscan_core.live.settings import MapSettings
from deepscan_core.records.image import CalibratedImage
from deepscan_core.records.levels import LEVELS
from deepscan_core.records.regions import ScanRegion
from deepscan_core.study import Study
from tests.conftest import spot_image

CLASSICAL = MapSettings(backbone="classical")
PLACES = [(60.0, 60.0), (60.0, 190.0), (190.0, 60.0), (180.0, 180.0)]
THEN = Click(y_frac=60.5 / 256, x_frac=60.5 / 256, frame="then")


VIEW = {"name": "live"}


@pytest.fixture(autouse=True)
def a_view_of_its_own(request: pytest.FixtureRequest) -> None:
    """What frames of one view hand on depends on all that were seen, there and here: no test shares its view."""
    VIEW["name"] = request.node.name


def image(seed: int = 0) -> CalibratedImage:
    return CalibratedImage(
        spot_image((256, 256), PLACES, seed=seed),
        pixel_size_nm=0.2,
        name=VIEW["name"],
        metadata={"session": {"label": "été"}},
    )


@pytest.fixture(scope="module")
def process() -> Iterator[MapProcess]:
    process = MapProcess()
    yield process
    process.close()


def test_surprise_and_objects_are_the_same_there(process: MapProcess) -> None:
    found, here = process.surprisal(image(), CLASSICAL), maps.surprisal(image(), CLASSICAL)
    assert np.array_equal(found.values, here.values)
    assert (found.kind, found.label, found.blur_px) == (here.kind, here.label, here.blur_px)
    assert process.quantify(image(), CLASSICAL) == maps.quantify(image(), CLASSICAL)


def test_what_clicks_teach_comes_in_colours_with_its_levels(process: MapProcess) -> None:
    clicks, table = [Click(y_frac=0.5, x_frac=0.5)], np.arange(LEVELS, dtype=np.uint32) * 3
    found = process.teach_levels(image(), clicks, CLASSICAL, tables={"three": table})
    assert np.array_equal(found.values, maps.teach(image(), clicks, CLASSICAL).display_levels.values)
    assert np.array_equal(found.pictures["three"], 3 * found.values.astype(np.uint32))


def test_reasons_are_the_same_there(process: MapProcess) -> None:
    study = Study(image(), backbone="classical")
    region: ScanRegion = study.regions(study.surprisal(), area_fraction=0.05)[0]
    assert process.explain(image(), region, CLASSICAL).sentences == study.explain(region).sentences
    known = {"frame_of": lambda name: image(7), "version_of": {"then": "of another test"}.__getitem__}
    taught = process.explain(image(), region, CLASSICAL, clicks=(THEN,), **known)
    assert taught.likeness is not None
    here = maps.explain(image(), region, CLASSICAL, clicks=(THEN,), frame_of=lambda name: image(7))
    assert taught.sentences == here.sentences


def test_a_frame_that_was_clicked_is_asked_for_once_and_only_when_it_is_new(process: MapProcess) -> None:
    asked: list[str] = []

    def frame_of(name: str) -> CalibratedImage:
        asked.append(name)
        return image(7)

    known = {"frame_of": frame_of, "version_of": {"then": "1"}.__getitem__}
    found = process.teach(image(8), [THEN], CLASSICAL, **known)
    assert np.array_equal(found.values, maps.teach(image(8), [THEN], CLASSICAL, frame_of=lambda name: image(7)).values)
    process.teach(image(9), [THEN], CLASSICAL, **known)
    assert asked == ["then"]
    suggested = process.suggest_click(image(9), [THEN], CLASSICAL, **known)
    assert suggested == maps.suggest_click(image(9), [THEN], CLASSICAL, frame_of=lambda name: image(7))


def test_of_many_frames_only_the_latest_go_with_the_call_and_one_that_changed_goes_anew() -> None:
    asked: list[str] = []

    def frame_of(name: str) -> CalibratedImage:
        asked.append(name)
        return image(40 + int(name))

    def version_of(name: str) -> str:
        return "2" if name == "1" and is_changed else "1"

    clicks = [replace(THEN, frame=str(number)) for number in range(5)]
    known, is_changed = {"frame_of": frame_of, "version_of": version_of}, False
    process = MapProcess()
    try:
        process.teach(image(8), clicks, CLASSICAL, **known)
        assert asked[:2] == ["3", "4"], "with the call"
        assert sorted(asked) == ["0", "1", "2", "3", "4"], "the others when they are needed"
        process.teach(image(9), [*clicks, replace(clicks[0], y_frac=0.5)], CLASSICAL, **known)
        assert len(asked) == 5, "another click on a frame that is there"
        is_changed = True
        process.teach(image(9), clicks, CLASSICAL, **known)
        assert asked[5:] == ["1"]
    finally:
        process.close()


def test_what_is_wrong_is_said_as_here(process: MapProcess) -> None:
    def gone(name: str) -> CalibratedImage:
        raise InputError(f"{name} is gone: click again")

    with pytest.raises(InputError, match="no positive click"):
        process.teach(image(), [], CLASSICAL)
    with pytest.raises(InputError, match="then is gone: click again"):
        process.teach(image(), [THEN], CLASSICAL, frame_of=gone)
    with pytest.raises(InputError, match="query is empty"):
        process.search(image(), "", CLASSICAL)
    with pytest.raises(RuntimeError, match="TypeError"):
        process.surprisal(image(), CLASSICAL, unknown=1)


def test_work_is_reported_and_stopped_by_what_the_report_raises(
    process: MapProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    class StoppedError(Exception):
        pass

    shares: list[float] = []

    def stop(share: float) -> None:
        shares.append(share)
        if len(shares) == 2:
            raise StoppedError

    monkeypatch.setattr(link, "REPORT_EVERY_S", 0.0)
    with pytest.raises(StoppedError):
        process.quantify(image(20), CLASSICAL, report=stop)
    assert 0 < shares[0] < shares[1] < 1
    assert process.quantify(image(20), CLASSICAL) == maps.quantify(image(20), CLASSICAL)


def test_it_reports_no_more_often_than_a_person_can_see(process: MapProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    shares: list[float] = []
    monkeypatch.setattr(link, "REPORT_EVERY_S", 60.0)
    found = process.quantify(image(22), CLASSICAL, report=shares.append)
    assert found == maps.quantify(image(22), CLASSICAL)
    assert shares == []


def test_several_threads_are_answered_each_with_its_own(process: MapProcess) -> None:
    found: dict[int, Any] = {}
    threads = [
        threading.Thread(target=lambda seed=seed: found.update({seed: process.surprisal(image(seed), CLASSICAL)}))
        for seed in range(30, 34)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for seed, scores in found.items():
        y, x = np.unravel_index(scores.values.argmax(), (256, 256))
        assert np.array_equal(scores.values, process.surprisal(image(seed), CLASSICAL).values)
        assert min(abs(y - p) + abs(x - q) for p, q in PLACES) < 12
    assert len(found) == 4


def test_a_process_that_ended_is_started_anew() -> None:
    process = MapProcess()
    try:
        process.start()
        first = process._linked()
        first._process.kill()
        first._process.wait()
        assert process.surprisal(image(), CLASSICAL).kind == "surprisal"
        assert process._linked() is not first
    finally:
        process.close()


def test_one_that_ends_at_every_map_is_given_up_in_words() -> None:
    hello = (
        "import sys; from deepscan_core.live import messages as m, serving as s;"
        "m.Sender(sys.stdout.buffer).send(m.Hello(version=s.version())); m.receive(sys.stdin.buffer)"
    )
    process = MapProcess(lambda: [sys.executable, "-c", hello])
    try:
        with pytest.raises(DeepScanError, match="ended twice by itself"):
            process.surprisal(image(), CLASSICAL)
    finally:
        process.close()


@pytest.mark.parametrize(
    "start", [["/nowhere/python"], [sys.executable, "-c", "print('hello, this is something else')"]], ids=str
)
def test_where_none_can_be_started_it_says_so(start: list[str]) -> None:
    with pytest.raises(NoProcessError):
        MapProcess(lambda: start).start()


def test_python_that_is_built_into_another_program_starts_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/opt/Swift/NionSwift")
    with pytest.raises(NoProcessError, match="NionSwift"):
        command()


def test_closing_ends_the_process_and_frees_whoever_waits() -> None:
    process = MapProcess()
    process.start()
    said: list[Exception] = []

    def wait_for_a_frame() -> None:
        try:
            process.teach(image(), [THEN], CLASSICAL, frame_of=lambda name: time.sleep(1) or image())
        except ClosedError as error:
            said.append(error)

    thread = threading.Thread(target=wait_for_a_frame)
    thread.start()
    time.sleep(0.2)
    process.close()
    thread.join(10)
    assert len(said) == 1
    with pytest.raises(ClosedError):
        process.surprisal(image(), CLASSICAL)


def test_it_ends_with_the_program_that_started_it() -> None:
    script = (
        "from deepscan_core.live.beside import MapProcess; p = MapProcess(); p.start();"
        "print(p._linked()._process.pid, flush=True); import os; os._exit(1)"
    )
    started = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    pid = int(started.stdout)
    deadline = time.monotonic() + 10
    while _is_running(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _is_running(pid)


def _is_running(pid: int) -> bool:
    listed = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return bool(listed.stdout.strip()) and not listed.stdout.startswith("Z")


def test_a_window_that_asks_for_maps_loads_no_science() -> None:
    script = (
        "import sys; from deepscan_core.live.beside import MapProcess;"
        "print(sorted({'torch', 'sklearn', 'scipy', 'skimage'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.skipif(sys.platform != "linux", reason="pipes are widened on Linux alone")
def test_an_image_goes_through_in_large_pieces_where_the_system_allows_it(monkeypatch: pytest.MonkeyPatch) -> None:
    import fcntl

    widest = int(Path("/proc/sys/fs/pipe-max-size").read_text(encoding="ascii"))
    process = MapProcess()
    process.start()
    assert process._link is not None
    pipe = process._link._answers.fileno()
    assert fcntl.fcntl(pipe, fcntl.F_GETPIPE_SZ) == min(link.PIPE_BYTES, widest)
    process.close()

    def refused(*arguments: Any) -> int:
        raise PermissionError("too many pipes")

    monkeypatch.setattr(fcntl, "fcntl", refused)
    process = MapProcess()
    assert process.surprisal(image(), CLASSICAL).values.shape == (256, 256)
    process.close()
