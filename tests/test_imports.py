"""What is not imported until it is needed."""

from __future__ import annotations

import subprocess
import sys

import pytest

FORBIDDEN = ("torch", "timm", "nion", "sklearn", "skimage", "matplotlib", "nionswift_plugin")


@pytest.mark.parametrize("statement", ["import deepscan_core", "import deepscan_core; deepscan_core.ScanProtocol"])
def test_the_core_loads_neither_torch_nor_nion(statement: str) -> None:
    code = f"{statement}\nimport sys\nprint([m for m in {FORBIDDEN!r} if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_every_public_name_can_be_had() -> None:
    import deepscan_core

    for name in deepscan_core.__all__:
        assert getattr(deepscan_core, name) is not None
    with pytest.raises(AttributeError, match="nothing_of_the_kind"):
        _ = deepscan_core.nothing_of_the_kind
