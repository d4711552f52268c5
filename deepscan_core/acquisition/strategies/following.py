"""A fixed protocol as a strategy, and what a strategy is.

Where a step was given up after a fault, or would pass a limit, `StepSkipped` is raised at its ``yield``, and
`UnsupportedStep` where its place has drifted out of the context; a strategy that does not catch them ends the run.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable

from deepscan_core.errors import StepSkipped, UnsupportedStep
from deepscan_core.records.frames import ScanFrame
from deepscan_core.records.protocol import ScanStep

Strategy = Generator[ScanStep, ScanFrame, None]


def follow(steps: Iterable[ScanStep]) -> Strategy:
    """Visit the steps of a plan in their order."""
    for step in steps:
        yield from frame_of(step)  # a run that gave it up goes on with the next


def frame_of(step: ScanStep) -> Generator[ScanStep, ScanFrame, ScanFrame | None]:
    """Ask for a step: ``frame = yield from frame_of(step)``; None where it was given up, or cannot be done."""
    try:
        return (yield step)
    except (StepSkipped, UnsupportedStep):
        return None
