"""Where the specimen will be: a Kalman filter over measured shifts.

Kalman 1960, doi:10.1115/1.3662552. Along each axis the state is displacement, rate and acceleration since the reference
frame; the acceleration wanders (white jerk: Bar-Shalom, Li &
Kirubarajan, Estimation with Applications to Tracking and Navigation, 2001, section 6.2.3). The
rate and the acceleration *at* the reference frame are kept as well, as copies that later measurements make better known
(stochastic cloning: Roumeliotis & Burdick, Proc. IEEE ICRA 2002, 1788): regions of a plan were seen at times of
their own, while the preview went by.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deepscan_core.errors import InputError
from deepscan_core.records.coordinates import YX, check_finite, check_positive

FloatArray = npt.NDArray[np.float64]
AXIS_STATES = 5  # displacement, rate, acceleration; rate and acceleration at the reference


@dataclass(frozen=True, kw_only=True)
class DriftModel:
    """What is known of drift before anything was measured.

    Attributes
    ----------
    rate_nm_per_s : standard deviation of the rate along each axis.
    acceleration_nm_per_s2 : of the acceleration.
    change_s : time in which the acceleration changes by about as much.
    """

    rate_nm_per_s: float = 0.2
    acceleration_nm_per_s2: float = 2e-3
    change_s: float = 60.0

    def __post_init__(self) -> None:
        check_positive("rate_nm_per_s of a drift model", self.rate_nm_per_s)
        check_positive("acceleration_nm_per_s2 of a drift model", self.acceleration_nm_per_s2)
        check_positive("change_s of a drift model", self.change_s)

    @property
    def jerk_nm2_per_s5(self) -> float:
        """Spectral density of the jerk."""
        return self.acceleration_nm_per_s2**2 / self.change_s


@dataclass(frozen=True, kw_only=True, eq=False)
class DriftEstimate:
    """A predicted drift.

    Attributes
    ----------
    shift_nm : ``(y, x)`` in the context's axes.
    covariance_nm2 : 2 x 2.
    """

    shift_nm: YX
    covariance_nm2: FloatArray

    @property
    def sigma_nm(self) -> float:
        """Standard deviation in the direction in which it is largest."""
        return float(np.sqrt(max(np.linalg.eigvalsh(self.covariance_nm2).max(), 0.0)))


class DriftFilter:
    """Estimates drift since the moment `origin_s`, at which it is 0 by definition."""

    def __init__(self, model: DriftModel, origin_s: float) -> None:
        check_finite("origin_s", origin_s)
        self._model = model
        self._origin_s = self._time_s = origin_s
        rate, acceleration = model.rate_nm_per_s**2, model.acceleration_nm_per_s2**2
        # what is known of now and of the origin is the same thing, at the origin
        axis = np.zeros((AXIS_STATES, AXIS_STATES))
        axis[np.ix_([1, 3], [1, 3])] = rate
        axis[np.ix_([2, 4], [2, 4])] = acceleration
        self._state = np.zeros(2 * AXIS_STATES)
        self._covariance = np.kron(np.eye(2), axis)

    def update(self, time_s: float, shift_nm: YX, covariance_nm2: FloatArray) -> None:
        """Take in a measured shift; raises `InputError` for one older than the last."""
        check_finite("time_s, shift_nm", time_s, *shift_nm)
        if time_s < self._time_s:
            raise InputError(
                f"a shift measured at {time_s:g} s is older than the last, of {self._time_s:g} s: keep their order"
            )
        state, covariance = self._carried(time_s)
        seen = _displacements()
        innovation = np.asarray(shift_nm) - seen @ state
        gain = np.linalg.solve(seen @ covariance @ seen.T + covariance_nm2, seen @ covariance).T
        rest = np.eye(len(state)) - gain @ seen
        self._state = state + gain @ innovation
        # Joseph's form stays symmetric and positive
        self._covariance = rest @ covariance @ rest.T + gain @ covariance_nm2 @ gain.T
        self._time_s = time_s

    def restart(self, time_s: float, shift_nm: YX, covariance_nm2: FloatArray) -> None:
        """Begin again at a measured shift after a jump: rate and acceleration are as unknown as at first."""
        fresh = DriftFilter(self._model, time_s)
        kept = [k + axis for axis in (0, AXIS_STATES) for k in (3, 4)]
        state, covariance = fresh._state, fresh._covariance
        for axis in (0, AXIS_STATES):
            for k in (3, 4):  # the origin lies before the jump: no longer tied to the present
                covariance[axis + k, :] = covariance[:, axis + k] = 0.0
        state[kept] = self._state[kept]
        covariance[np.ix_(kept, kept)] = self._covariance[np.ix_(kept, kept)]
        places = [0, AXIS_STATES]
        state[places] = shift_nm
        covariance[np.ix_(places, places)] = covariance_nm2
        self._state, self._covariance, self._time_s = state, covariance, time_s

    def predict(self, time_s: float, since_s: float | None = None) -> DriftEstimate:
        """Drift from `since_s` to `time_s`, either of which may lie a little before the reference; None is the reference.

        Notes
        -----
        `since_s` is meant to be near the reference: the drift up to it is taken from rate and acceleration there.
        """
        state, covariance = self._carried(time_s)
        seen = _displacements()
        jerk = 0.0
        if since_s is not None:
            early_s = since_s - self._origin_s
            for row, axis in enumerate((0, AXIS_STATES)):
                seen[row, axis + 3], seen[row, axis + 4] = -early_s, -(early_s**2) / 2
            jerk = self._model.jerk_nm2_per_s5 * abs(early_s) ** 5 / 20
        shift = seen @ state
        return DriftEstimate(
            shift_nm=(float(shift[0]), float(shift[1])),
            covariance_nm2=seen @ covariance @ seen.T + np.eye(2) * jerk,
        )

    def _carried(self, time_s: float) -> tuple[FloatArray, FloatArray]:
        """State and covariance at another time than that of the last measurement."""
        t = time_s - self._time_s
        axis = np.eye(AXIS_STATES)
        axis[0, 1] = axis[1, 2] = t
        axis[0, 2] = t**2 / 2
        move = np.kron(np.eye(2), axis)
        t = abs(t)
        jerk = np.zeros((AXIS_STATES, AXIS_STATES))
        jerk[:3, :3] = self._model.jerk_nm2_per_s5 * np.array(
            [[t**5 / 20, t**4 / 8, t**3 / 6], [t**4 / 8, t**3 / 3, t**2 / 2], [t**3 / 6, t**2 / 2, t]]
        )
        return move @ self._state, move @ self._covariance @ move.T + np.kron(np.eye(2), jerk)


def _displacements() -> FloatArray:
    """Picks the displacements out of a state."""
    seen = np.zeros((2, 2 * AXIS_STATES))
    seen[0, 0] = seen[1, AXIS_STATES] = 1.0
    return seen
