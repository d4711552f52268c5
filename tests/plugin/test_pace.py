"""Maps that take long leave time to others."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("nion.swift", reason="nionswift is not installed")
from nionswift_plugin.deepscan.mapping import pace


class Computation:
    pass


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Any:
    now = SimpleNamespace(s=100.0)
    monkeypatch.setattr(pace.time, "monotonic", lambda: now.s)
    return now


def test_a_pause_is_three_times_as_long_as_the_map_took(clock: Any) -> None:
    one, other = Computation(), Computation()
    assert pace.pause_s(one) == 0.0
    pace.made(one, 0.4)
    assert pace.pause_s(one) == pytest.approx(1.2)
    assert pace.pause_s(other) == 0.0
    clock.s += 1.0
    assert pace.pause_s(one) == pytest.approx(0.2)
    clock.s += 1.0
    assert pace.pause_s(one) == 0.0


def test_the_first_map_does_not_hold_the_second_one_up(clock: Any) -> None:
    one = Computation()
    pace.made(one, 8.0)
    assert pace.pause_s(one) == pace.LONGEST_S
