"""Estimates of memory against what is used."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from deepscan_core import CalibratedImage, Study, memory
from deepscan_core.errors import InputError
from deepscan_core.features.footprint import CLASSICAL_BYTES_PER_PX, PIPELINE_BYTES_PER_PX, pipeline_bytes

BENCHMARK = Path(__file__).resolve().parents[2] / "benchmarks" / "memory.py"


@pytest.mark.slow
@pytest.mark.network
@pytest.mark.parametrize("backbone", ["classical", "tf_efficientnet_lite0"])
def test_the_estimate_is_not_less_than_what_is_used_nor_far_more(backbone: str) -> None:
    case = json.dumps({"backbone": backbone, "side": 1536})
    command = [sys.executable, str(BENCHMARK), "--case", case]
    found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert found["used_mb"] <= found["estimated_mb"] <= 3 * found["used_mb"] + 300


def test_the_estimate_grows_with_the_pixels() -> None:
    small, large = (pipeline_bytes((n, n), (1.0, 0.5), None) for n in (1000, 2000))
    assert large - small == pytest.approx(3e6 * (PIPELINE_BYTES_PER_PX + CLASSICAL_BYTES_PER_PX))


def test_an_image_beyond_the_limit_is_refused_before_anything_is_computed() -> None:
    study = Study(CalibratedImage(np.random.default_rng(0).normal(size=(600, 500))), backbone="classical")
    with memory.limited_to(0.1), pytest.raises(InputError, match=r"600 x 500 px with classical needs about .* 100 MB"):
        study.surprisal()
    assert study.surprisal().shape == (600, 500)


@pytest.mark.network
def test_a_network_needs_more_than_the_filters_and_more_at_a_larger_scale() -> None:
    from deepscan_core.features.backbones import load_backbone

    backbone = load_backbone()
    shape = (512, 512)
    whole = pipeline_bytes(shape, (1.0, 0.5), backbone)
    assert pipeline_bytes(shape, (1.0,), None) < whole
    assert pipeline_bytes(shape, (0.5,), backbone) < whole < pipeline_bytes(shape, (2.0,), backbone)
