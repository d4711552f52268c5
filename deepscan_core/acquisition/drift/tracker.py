"""Keeps track of drift: when to look again, what the looks say, and whether the specimen has been lost."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from deepscan_core.acquisition.drift.measuring import ReferencePicture, middle_s, step_of
from deepscan_core.acquisition.drift.placing import moved_into
from deepscan_core.acquisition.drift.prediction import DriftEstimate, DriftFilter, DriftModel
from deepscan_core.acquisition.drift.reference import NEEDED_CONFIDENCE, ReferenceArea
from deepscan_core.errors import InputError
from deepscan_core.records.coordinates import YX, check_count, check_positive
from deepscan_core.records.frames import ScanFrame
from deepscan_core.records.protocol import ScanStep

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class DriftSettings:
    """When drift is measured again, and what is believed.

    Attributes
    ----------
    allowed_nm : a step is not begun unless the drift at its middle is known this well ...
    allowed_sigmas : ... so many standard errors taken together.
    search_sigmas : shifts are sought within so many standard deviations of the predicted one.
    needed_confidence : measured shifts with less are not taken in.
    most_rejected : after so many in a row the track is lost.
    most_in_a_row : reference frames before one step; if even they do not suffice, the track is lost.
    longest_interval_s : a jump is not predicted, so look again after so long, whatever the prediction.
    model : what is known beforehand.
    """

    allowed_nm: float = 0.25
    allowed_sigmas: float = 3.0
    search_sigmas: float = 4.0
    needed_confidence: float = NEEDED_CONFIDENCE
    most_rejected: int = 3
    most_in_a_row: int = 60
    longest_interval_s: float = 30.0
    model: DriftModel = field(default_factory=DriftModel)

    def __post_init__(self) -> None:
        check_positive("allowed_nm, allowed_sigmas", self.allowed_nm, self.allowed_sigmas)
        check_positive("search_sigmas, longest_interval_s", self.search_sigmas, self.longest_interval_s)
        check_count("most_rejected, most_in_a_row", self.most_rejected, self.most_in_a_row)
        if not 0 < self.needed_confidence < 1:
            raise InputError(f"needed_confidence is {self.needed_confidence:g}: give a share between 0 and 1")


@dataclass(frozen=True, kw_only=True, eq=False)
class DriftMeasurement:
    """What one reference frame has said.

    Attributes
    ----------
    time_s : of the middle of the frame.
    shift_nm : drift since the reference, ``(y, x)`` in the context's axes.
    covariance_nm2 : 2 x 2, of its standard errors.
    confidence : from 0 to 1.
    accepted : whether it was taken in.
    reason : why not, or that the specimen had jumped.
    """

    time_s: float
    shift_nm: YX
    covariance_nm2: FloatArray
    confidence: float
    accepted: bool
    reason: str = ""


class DriftTracker:
    """Follows the drift of a specimen by frames of a reference area.

    The first frame given to `measure` is the reference: `piece_of` a preview, so that drift is known since the preview, or
    the first frame of `reference_step`.

    Parameters
    ----------
    area : from `choose_reference`.
    settings : see `DriftSettings`.

    Attributes
    ----------
    measurements : all so far, oldest first.
    """

    def __init__(self, area: ReferenceArea, settings: DriftSettings | None = None) -> None:
        self.area = area
        self.settings = settings or DriftSettings()
        self.measurements: list[DriftMeasurement] = []
        self._reference: ReferencePicture | None = None
        self._filter: DriftFilter | None = None
        self._accepted_s = -math.inf
        self._rejected = 0

    @property
    def is_lost(self) -> bool:
        """Whether so many measurements in a row were not to be believed that the run should pause."""
        return self._rejected >= self.settings.most_rejected

    @property
    def why_lost(self) -> str:
        """The last reason; empty where the track is not lost."""
        return self.measurements[-1].reason if self.is_lost else ""

    def forgive(self) -> None:
        """Try again after a pause, with the wider search that the time gone by asks for."""
        self._rejected = 0

    def predict(self, time_s: float, since_s: float | None = None) -> DriftEstimate:
        """Drift at a time since the reference, or since a time near it; raises `InputError` before the first frame."""
        if self._filter is None:
            raise InputError("no reference frame has been taken yet: give the first one to measure()")
        return self._filter.predict(time_s, since_s)

    def due(self, start_s: float, duration_s: float = 0.0, since_s: float | None = None) -> bool:
        """Whether drift has to be measured before a step is begun.

        It has, where drift at the middle of the step would not be known well enough to place it, or where at its end it
        could no longer be told from a repeat of the reference area.

        Parameters
        ----------
        start_s, duration_s : of the step, on the instrument's clock.
        since_s : when the place of the step was seen; None where it is the time of the reference.
        """
        if (
            self._filter is None
            or start_s + duration_s - self._accepted_s > self.settings.longest_interval_s + duration_s
        ):
            return True
        sure = self.settings.allowed_sigmas * self.predict(start_s + duration_s / 2, since_s).sigma_nm
        reach = self.settings.search_sigmas * self.predict(start_s + duration_s).sigma_nm
        return sure > self.settings.allowed_nm or reach > self.area.unambiguous_radius_nm

    def reference_step(self, time_s: float) -> ScanStep:
        """The reference area where it is expected to be; at the edge of the context, as near to that as it can be."""
        if self._filter is None:
            return self.area.step
        return moved_into(self.area.step, self.area.context, self.predict(time_s).shift_nm)

    def measure(self, frame: ScanFrame) -> DriftMeasurement:
        """Take in a frame of the reference area; raises `InputError` for one of anything else."""
        time_s = middle_s(frame)
        if self._reference is None or self._filter is None:
            measured = self._begin(frame, time_s)
        else:
            measured = self._compare(self._reference, self._filter, frame, time_s)
        self.measurements.append(measured)
        if measured.accepted:
            self._accepted_s = time_s
        self._rejected = 0 if measured.accepted else self._rejected + 1
        return measured

    def _begin(self, frame: ScanFrame, time_s: float) -> DriftMeasurement:
        """The first frame: drift is 0 by definition."""
        if step_of(frame).size_nm != self.area.step.size_nm:
            raise InputError("a frame of another rectangle is no reference frame: scan reference_step()")
        self._reference = ReferencePicture(frame)
        self._filter = DriftFilter(self.settings.model, time_s)
        return DriftMeasurement(
            time_s=time_s, shift_nm=(0.0, 0.0), covariance_nm2=np.zeros((2, 2)), confidence=1.0, accepted=True
        )

    def _compare(
        self, reference: ReferencePicture, drift: DriftFilter, frame: ScanFrame, time_s: float
    ) -> DriftMeasurement:
        """Where the prediction says first; anywhere, where that fails, since a specimen may also jump."""
        expected = drift.predict(time_s)
        widest_nm2 = np.eye(2) * reference.widest_nm**2
        spread_nm2 = self.settings.search_sigmas**2 * expected.covariance_nm2
        if float(np.linalg.eigvalsh(spread_nm2).max()) > reference.widest_nm**2:
            spread_nm2 = widest_nm2
        found = reference.shift_to(frame, expected.shift_nm, spread_nm2)
        reason = ""
        if found.confidence >= self.settings.needed_confidence:
            drift.update(time_s, found.shift_nm, found.covariance_nm2)
        else:
            reason = (
                f"the shift of the reference area is ambiguous or lost in noise (confidence {found.confidence:.2f}, "
                f"needed {self.settings.needed_confidence:g})"
            )
            anywhere = reference.shift_to(frame, expected.shift_nm, widest_nm2)
            if anywhere.confidence >= self.settings.needed_confidence:
                found, reason = anywhere, "the specimen has jumped"
                drift.restart(time_s, found.shift_nm, found.covariance_nm2)
        return DriftMeasurement(
            time_s=time_s,
            shift_nm=found.shift_nm,
            covariance_nm2=found.covariance_nm2,
            confidence=found.confidence,
            accepted=found.confidence >= self.settings.needed_confidence,
            reason=reason,
        )
