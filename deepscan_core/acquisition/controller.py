"""The seam to the hardware: a few methods, and capabilities that say what cannot be asked for.

`ScanController` is implemented by ``instruments/simulated.py`` and ``instruments/nion.py``; both obey the same test class,
``tests/contract/controller_contract.py``. Writing a controller for another microscope means passing that class.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from deepscan_core.errors import InputError
from deepscan_core.records.coordinates import YX, ScanContext, check_finite
from deepscan_core.records.frames import ScanFrame
from deepscan_core.records.protocol import LARGEST_STEP_SAMPLES, LONGEST_DWELL_US, SHORTEST_DWELL_US, ScanStep


@dataclass(frozen=True, kw_only=True)
class Capabilities:
    """What an instrument can do; a step that needs more is refused with the reason.

    Attributes
    ----------
    center : the context may lie off the centre of the scan field.
    rotation : steps (sub-scans) may be turned.
    non_square_context : the context may have unequal sides.
    blanker : the beam can be taken off the specimen.
    park : the beam can be held at a named place of the context.
    stage : the stage can be moved.
    line_abort : an abort takes effect within a line rather than after the frame.
    shortest_dwell_us, longest_dwell_us : limits of the dwell time.
    largest_frame_px : most samples along one side of a step.
    """

    center: bool
    rotation: bool
    non_square_context: bool
    blanker: bool
    park: bool
    stage: bool
    line_abort: bool
    shortest_dwell_us: float = SHORTEST_DWELL_US
    longest_dwell_us: float = LONGEST_DWELL_US
    largest_frame_px: int = LARGEST_STEP_SAMPLES


@dataclass(frozen=True, kw_only=True)
class BeamRest:
    """Where the beam rests between steps and after the last one.

    With ``park_fraction`` None the beam is blanked. Otherwise it is parked at that place of the context, ``(y, x)`` as
    fractions of the frame: a person has to name it, because that place takes the whole current.
    """

    park_fraction: YX | None = None

    def __post_init__(self) -> None:
        if self.park_fraction is None:
            return
        check_finite("a park position", *self.park_fraction)
        if len(self.park_fraction) != 2 or not all(0 <= f <= 1 for f in self.park_fraction):
            raise InputError(f"park position {self.park_fraction}: give two fractions of the frame between 0 and 1")


class ScanController(Protocol):
    """A scanning instrument.

    All calls but `abort` come from one thread and block until done; `abort` may come from any thread. Only `scan` and
    `preview` expose the specimen. Failures raise `InstrumentError`.
    """

    @property
    def name(self) -> str:
        """The instrument, for people and logs."""
        ...

    @property
    def capabilities(self) -> Capabilities:
        """What may be asked for."""
        ...

    def context(self) -> ScanContext:
        """The context scan as the instrument is set now."""
        ...

    def preview(self) -> ScanFrame:
        """Record one whole frame of the context, at the dwell time the instrument is set to."""
        ...

    def prepare(self) -> None:
        """Remember every parameter that `scan` will change and stop the live view. Called once before a run."""
        ...

    def scan(self, step: ScanStep) -> ScanFrame:
        """Unblank, record one step in the present context, and return it.

        Raises `RunAborted` when `abort` interrupted it and `UnsupportedStep`, before exposing anything, when the
        instrument cannot do it.
        """
        ...

    def rest(self, where: BeamRest) -> None:
        """Blank or park the beam. Raises `UnsupportedStep` when the instrument cannot do what `where` asks."""
        ...

    def restore(self) -> None:
        """Undo what `prepare` and `scan` changed, except that the beam stays at rest and the view stays stopped."""
        ...

    def abort(self) -> None:
        """Interrupt a running `scan` or `preview`, from any thread.

        Between `prepare` and `restore` it also stops the step that is about to start; otherwise it has no effect when
        nothing runs.
        """
        ...
