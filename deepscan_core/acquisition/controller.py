"""The seam to the hardware: a few methods, and capabilities that say what cannot be asked for.

`ScanController` is implemented by ``instruments/simulated.py``, ``instruments/nion.py`` and ``instruments/pyjem.py``; all
obey the same test class, ``tests/contract/controller_contract.py``. Writing a controller for another microscope means
passing that class.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from deepscan_core.errors import InputError
from deepscan_core.records.coordinates import YX, ScanContext, check_finite
from deepscan_core.records.costs import ScanCosts
from deepscan_core.records.frames import ScanFrame
from deepscan_core.records.protocol import LARGEST_STEP_SAMPLES, LONGEST_DWELL_US, SHORTEST_DWELL_US, ScanStep

#: Names of parameters that say where the beam is and whether the view runs. A run that leaves the beam at rest leaves
#: these as they are then; every other parameter is put back whatever happens.
BEAM_PARAMETERS = frozenset({"beam", "blanked", "probe_position", "viewing"})

#: Names of parameters that scanning a step changes; every other one stays as it is while a run is on, or was changed by
#: somebody else.
STEP_PARAMETERS = frozenset({"device_parameters", "scan", "stage_nm"})


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
    stage : the stage can be moved, and somebody has allowed it; then `parameters` has ``stage_nm``.
    line_abort : an abort takes effect within a line rather than after the frame.
    view : it is known whether a live view runs, so that `restore` can start it again and a run sees who starts it.
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
    view: bool = True
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

    All calls but `abort` come one after the other and block until done; `abort` may come from any thread. Only `scan` and
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

    @property
    def costs(self) -> ScanCosts:
        """Its overheads, and whether the beam exposes the specimen in them; where that is not known, as if it did."""
        ...

    def now_s(self) -> float:
        """The clock of `ScanFrame.started_s`, in s."""
        ...

    def wait(self, seconds: float) -> None:
        """Let time pass at the instrument, with the beam as it is."""
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

        Raises `RunAborted` when `abort` interrupted it and, before exposing anything, `UnsupportedStep` when the
        instrument cannot do it, and `InstrumentTaken` when somebody else has begun to use it since `prepare`. An error
        says with ``nothing_exposed=True`` that the specimen was certainly not exposed; a `ProtocolError` always means that.
        """
        ...

    def move_stage(self, to_nm: YX) -> YX:
        """Between `prepare` and `restore`, which moves back: bring a place into the centre of the context, and wait.

        Parameters
        ----------
        to_nm : the place, in the axes of the context as it was at `prepare`, with the stage where it was then.

        Returns
        -------
        The place that is in the centre now, as the stage reads back; steps go on to be meant in the present context.

        Raises
        ------
        UnsupportedStep
            `Capabilities.stage` is not set.
        InstrumentError
            It did not arrive; nothing was exposed.
        """
        ...

    def take(self) -> None:
        """Between `prepare` and `restore`: stop what somebody else started meanwhile, because a person wants to go on."""
        ...

    def rest(self, where: BeamRest) -> None:
        """Blank or park the beam. Raises `UnsupportedStep` when the instrument cannot do what `where` asks."""
        ...

    def restore(self, *, beam: bool = False) -> None:
        """Undo what `prepare`, `scan` and `rest` changed.

        Without `beam` the beam stays at rest and the view stays stopped; with it both are as they were at `prepare`.
        """
        ...

    def parameters(self) -> Mapping[str, Any]:
        """Everything that a run may change, by name, as it is now: values that JSON gives back as they were.

        Those of `BEAM_PARAMETERS` say where the beam is and whether the view runs.
        """
        ...

    def restore_parameters(self, parameters: Mapping[str, Any]) -> None:
        """Put back parameters that `parameters` gave, perhaps in another process; all of them, or those that are named.

        Outside a run only. Writes nothing but what is named and differs, and checks all of it before it writes any.

        Raises
        ------
        InputError
            A name that `parameters` does not give, or a value that cannot be; nothing was written.
        InstrumentError
            Somebody else uses the instrument, or it does not do what was asked.
        """
        ...

    def abort(self) -> None:
        """Interrupt a running `scan` or `preview`, from any thread.

        Between `prepare` and `restore` it also stops the step that is about to start; otherwise it has no effect when
        nothing runs.
        """
        ...
