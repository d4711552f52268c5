"""Every numbered example runs, is short, and says what it should."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("[0-9]*.py"))
SAYS = {
    "01": "nm²",
    "02": "4 of 4 dots",
    "03": "of the dose of a full scan",
    "04": "sigma below what the lattice predicts",
}


@pytest.mark.network
@pytest.mark.parametrize("path", [p for p in EXAMPLES if SAYS[p.name[:2]]], ids=lambda p: p.stem)
def test_example(path: Path, tmp_path: Path) -> None:
    result = subprocess.run([sys.executable, str(path)], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert result.returncode == 0, result.stderr
    assert str(SAYS[path.name[:2]]) in result.stdout


def test_examples_are_short() -> None:
    assert EXAMPLES
    for path in EXAMPLES:
        assert len(path.read_text().splitlines()) < 60, path.name
