"""Strategies decide the next step from the frames that came back.

A strategy is a generator that yields a `ScanStep` and is sent the `ScanFrame` it led to. `follow` ignores what it is
sent; an adaptive strategy looks at it.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable

from deepscan_core.records.frames import ScanFrame
from deepscan_core.records.protocol import ScanStep

Strategy = Generator[ScanStep, ScanFrame, None]


def follow(steps: Iterable[ScanStep]) -> Strategy:
    """Visit the steps of a plan in their order."""
    for step in steps:  # noqa: UP028 - `yield from` would send frames to an iterable that takes none
        yield step
