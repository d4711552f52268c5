"""How often a map is made of a live image: on a slow computer not of every frame.

Two cores have Swift's windows, the microscope and the map to do. While a map is made everything else on a slow computer is
late, so that a map which takes long leaves a pause of `PAUSES` times as long before the next one. On a computer of usual
speed it is over before the next frame is there.
"""

from __future__ import annotations

import time
import weakref
from typing import Any

PAUSES = 3.0  # for one of work: a quarter of the time at most
LONGEST_S = 1.5  # the first map loads networks, and says nothing about the next

_not_before_s: weakref.WeakKeyDictionary[Any, float] = weakref.WeakKeyDictionary()


def made(computation: Any, took_s: float) -> None:
    """A computation (of the model) has made a map just now, which took so long."""
    _not_before_s[computation] = time.monotonic() + min(PAUSES * took_s, LONGEST_S)


def pause_s(computation: Any) -> float:
    """How long the next map of a live image should wait, if nobody has asked anything new."""
    return max(0.0, _not_before_s.get(computation, 0.0) - time.monotonic())
