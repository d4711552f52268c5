"""Frames that were clicked are kept by name and version, within a limit."""

from __future__ import annotations

import numpy as np

from deepscan_core.live.clicked import ClickedFrames
from deepscan_core.records.image import CalibratedImage


def frame(side_px: int) -> CalibratedImage:
    return CalibratedImage(np.arange(side_px**2, dtype=np.float32).reshape(side_px, side_px))


def test_a_frame_is_found_in_the_version_in_which_it_came_alone() -> None:
    kept, first, changed = ClickedFrames(), frame(16), frame(16)
    kept.keep({"one": first}, {"one": "1", "other": "1"})
    assert kept.get("one", "1") is first
    assert kept.get("one", "2") is None
    assert kept.get("one", None) is None
    assert kept.get("other", "1") is None
    kept.keep({"one": changed}, {"one": "2"})
    assert kept.get("one", "2") is changed


def test_the_frames_not_asked_for_longest_go_first_and_the_last_one_stays() -> None:
    kept = ClickedFrames(most_bytes=2 * 16 * 16 * 4)
    for name in "ab":
        kept.keep({name: frame(16)}, {name: "1"})
    assert kept.get("a", "1") is not None
    kept.keep({"c": frame(16)}, {"c": "1"})
    assert [kept.get(name, "1") is not None for name in "abc"] == [True, False, True]
    kept.keep({"large": frame(64)}, {"large": "1"})
    assert [kept.get(name, "1") is not None for name in ("a", "c", "large")] == [False, False, True]
