"""Nothing that is typed or fed gives a traceback, a half-written result or executed code."""

from __future__ import annotations

import contextlib
import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tifffile

from deepscan_core.cli import main
from tests.cli.bad_input import COMMANDS, EXECUTE_ARGUMENTS, FILES, MARKER, PROTOCOLS, RUN_ARGUMENTS
from tests.cli.test_run import FAST
from tests.conftest import spot_image

NOBODY = 65534
posix = pytest.mark.skipif(os.name != "posix", reason="pipes, links, rights and limits of POSIX")
POSIX_ONLY = {"symlink loop", "dangling symlink", "named pipe", "device without end", "name with a line break"}


def contents(folder: Path) -> dict[str, str]:
    """Every path below a folder, with a hash of what plain files hold."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "-"
        for path in sorted(folder.rglob("*"))
        if not path.is_symlink()
    }


def refusal(
    capfd: pytest.CaptureFixture[str], arguments: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> str:
    """The only line that a command may print when it refuses, after which the folder is as it was."""
    monkeypatch.chdir(folder)
    capfd.readouterr()
    before = contents(folder)
    code = main(arguments)
    printed = capfd.readouterr()
    assert code == 2
    assert printed.out == ""
    assert printed.err.startswith("deepscan: error: ")
    assert printed.err.count("\n") == 1, printed.err
    assert "Traceback" not in printed.err
    assert "internal error" not in printed.err
    assert len(printed.err) < 1500, "somebody has to read it"
    assert contents(folder) == before
    return printed.err


def test_there_are_at_least_sixty_kinds() -> None:
    assert sum(map(len, (FILES, RUN_ARGUMENTS, PROTOCOLS, EXECUTE_ARGUMENTS, COMMANDS))) >= 120


@pytest.mark.parametrize("kind", FILES)
def test_files(kind: str, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    if kind in POSIX_ONLY and os.name != "posix":
        pytest.skip("not a kind of file of this system")
    make, named = FILES[kind]
    path = make(tmp_path)
    assert named in refusal(capfd, ["run", str(path), "--out", "out", *FAST], tmp_path, monkeypatch)
    assert not (tmp_path / MARKER).exists(), "code of the file was executed"


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "spots.tif"
    tifffile.imwrite(path, spot_image((96, 128), [(40.0, 50.0), (70.0, 100.0)]).astype(np.float32))
    return path


@pytest.mark.parametrize(("arguments", "named"), RUN_ARGUMENTS, ids=lambda value: " ".join(value)[:40])
def test_arguments_of_run(
    image: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    named: str,
) -> None:
    if {"--backbone", "--query"} & set(arguments):
        pytest.importorskip("torch")
    fast = [] if "--backbone" in arguments else FAST
    assert named in refusal(capfd, ["run", str(image), "--out", "out", *fast, *arguments], tmp_path, monkeypatch)


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plan")
    path = folder / "spots.tif"
    tifffile.imwrite(path, spot_image((96, 128), [(40.0, 50.0), (70.0, 100.0)]).astype(np.float32))
    assert main(["run", str(path), "--pixel-size-nm", "0.1", "--out", str(folder), *FAST]) == 0
    return folder / "scan_protocol.json"


@pytest.mark.parametrize("kind", PROTOCOLS)
def test_protocols(
    kind: str, plan: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    make, named = PROTOCOLS[kind]
    made = make(plan.read_text())
    path = tmp_path / "bad.json"
    path.write_bytes(made if isinstance(made, bytes) else made.encode())
    assert named in refusal(capfd, ["execute", str(path), "--out", "out"], tmp_path, monkeypatch)


@pytest.mark.parametrize(("arguments", "named"), EXECUTE_ARGUMENTS, ids=lambda value: " ".join(value))
def test_arguments_of_execute(
    plan: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    named: str,
) -> None:
    assert named in refusal(capfd, ["execute", str(plan), "--out", "out", *arguments], tmp_path, monkeypatch)


@pytest.mark.parametrize(("arguments", "named"), COMMANDS, ids=lambda value: " ".join(value) or "nothing")
def test_commands(
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    named: str,
) -> None:
    assert named in refusal(capfd, arguments, tmp_path, monkeypatch)


@pytest.mark.parametrize(
    ("out", "named"),
    [
        ("spots.tif", "is a file"),
        ("spots.tif/below", "cannot be written"),
        ("n" * 3000, "cannot be written"),
        ("a\0b", "cannot be written"),
        pytest.param("/proc/deepscan", "cannot be written", marks=posix),
        pytest.param("/dev/full/out", "cannot be written", marks=posix),
        pytest.param("loop", "cannot be written", marks=posix),
    ],
    ids=["file", "below a file", "too long", "null byte", "kernel", "device", "loop"],
)
@pytest.mark.usefixtures("image")
def test_where_the_result_should_go(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, out: str, named: str
) -> None:
    if out == "loop":
        (tmp_path / "loop").symlink_to("loop")
    assert named in refusal(capfd, ["run", "spots.tif", "--out", out, *FAST], tmp_path, monkeypatch)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user of the computer can enter, with an image."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        tifffile.imwrite(folder / "spots.tif", spot_image((96, 128), [(40.0, 50.0)]).astype(np.float32))
        yield folder


@contextlib.contextmanager
def ordinary_user() -> Iterator[None]:
    """The superuser may do everything, and is somebody else for a while."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@posix
@pytest.mark.parametrize("which", ["image", "out"])
def test_rights(
    open_folder: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    which: str,
) -> None:
    image = str(open_folder / "spots.tif")
    assert main(["run", image, "--out", str(tmp_path / "first"), *FAST]) == 0, "loads what is loaded when needed"
    locked = open_folder / ("spots.tif" if which == "image" else "locked")
    locked.mkdir(exist_ok=True) if which == "out" else None
    before = contents(open_folder)
    locked.chmod(0o000 if which == "image" else 0o555)
    monkeypatch.chdir(open_folder)
    capfd.readouterr()
    with ordinary_user():
        code = main(["run", "spots.tif", "--out", "locked/out", *FAST])
    line = capfd.readouterr().err
    locked.chmod(0o755)
    assert code == 2
    assert line.count("\n") == 1
    assert "Permission denied" in line
    assert ("spots.tif" if which == "image" else "give another --out") in line
    assert contents(open_folder) == before


@posix
@pytest.mark.slow
@pytest.mark.parametrize("limit_bytes", [1000, 20_000, 60_000])
def test_a_disk_that_fills_up_while_writing(open_folder: Path, tmp_path: Path, limit_bytes: int) -> None:
    program = (
        f"import resource, sys\nresource.setrlimit(resource.RLIMIT_FSIZE, ({limit_bytes}, {limit_bytes}))\n"
        "from deepscan_core.cli import entry\nsys.exit(entry())"
    )
    paths = os.pathsep.join(filter(None, sys.path))
    done = subprocess.run(
        [sys.executable, "-c", program, "run", "spots.tif", "--out", "out", *FAST],
        cwd=open_folder,
        env={**os.environ, "PYTHONPATH": paths, "MPLCONFIGDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert done.stderr.startswith("deepscan: error: ")
    assert done.stderr.count("\n") == 1, done.stderr
    assert "cannot be written" in done.stderr
    assert sorted(p.name for p in open_folder.iterdir()) == ["spots.tif"]


@pytest.mark.skipif(sys.platform != "linux", reason="names that are no text exist on Linux")
def test_a_name_that_is_no_text_is_read_and_written_down(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / os.fsdecode(b"caf\xe9.tif")
    tifffile.imwrite(path, spot_image((96, 128), [(40.0, 50.0)]).astype(np.float32))
    assert main(["run", str(path), "--pixel-size-nm", "0.1", "--out", str(tmp_path / "out"), *FAST]) == 0
    assert "caf" in capsys.readouterr().out
    protocol = str(tmp_path / "out" / "scan_protocol.json")
    assert main(["execute", protocol, "--world", str(path), "--out", str(tmp_path / "run")]) == 0


def test_names_of_other_alphabets_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "образец 试样 ☢.tif"
    tifffile.imwrite(path, spot_image((96, 128), [(40.0, 50.0)]).astype(np.float32))
    assert main(["run", str(path), "--out", str(tmp_path / "où"), *FAST]) == 0
    assert path.stem in (tmp_path / "où" / "report.html").read_text(encoding="utf-8")
