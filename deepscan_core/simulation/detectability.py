"""How visible a planted defect is at best: the ideal observer's d′ at a given dose and sampling.

The observer knows what it looks for, where, and what the specimen looks like without it; only counting noise, read noise
and the spread of column intensities stand in its way. With ``s`` the mean difference that the defect makes and ``K`` the
covariance of the counts, averaged over both cases, ``d′² = sᵀ K⁻¹ s`` (Barrett & Myers, Foundations of Image Science, 2004,
sections 13.2.8 and 13.2.12). ``K = V + U Uᵀ``: V is diagonal, and each column of the crystal adds one column to U, so that
Woodbury's identity needs a matrix no larger than there are columns nearby.

Nobody sees more than that: a defect of d′ = 1 is missed by every method most of the time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from deepscan_core.errors import InputError
from deepscan_core.simulation.blur import seen_through
from deepscan_core.simulation.physics import IDEAL, AcquisitionPhysics, Exposure
from deepscan_core.simulation.shapes import Stroke
from deepscan_core.simulation.specimens.base import PlantedSpecimen, Specimen, SpreadOfColumns
from deepscan_core.simulation.truth import PlantedDefect

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Detectability:
    """What the ideal observer makes of one defect.

    Attributes
    ----------
    defect : which one.
    d_prime : distance of the two cases in standard deviations of the best statistic.
    samples : how many samples of the frame it was computed from.
    """

    defect: PlantedDefect
    d_prime: float
    samples: int


@dataclass(frozen=True, kw_only=True, eq=False)
class TwoCases:
    """Counts around a defect, with it and without it, at the samples of a frame.

    Attributes
    ----------
    present, absent : mean counts, shape (n,).
    variance : of the counts, averaged over both, shape (n,).
    modes : one standard deviation of each column's spread, averaged over both; sparse (n, columns), or None.
    """

    present: FloatArray
    absent: FloatArray
    variance: FloatArray
    modes: Any | None

    @property
    def signal(self) -> FloatArray:
        """Mean difference."""
        return self.present - self.absent


def best_template(signal: FloatArray, variance: FloatArray, modes: Any | None = None) -> FloatArray:
    """``K⁻¹ s``: the weights of the best linear statistic (Hotelling's).

    Parameters
    ----------
    signal : mean difference in counts, shape (n,).
    variance : independent variance of each sample, shape (n,), above zero.
    modes : array or sparse array of shape (n, k); each column is one standard deviation of an independent disturbance.

    Raises
    ------
    InputError
        A variance that is not above zero.
    """
    if not (variance > 0).all():
        raise InputError(
            f"a variance of {variance.min():g} counts²: every sample needs some, from counts or read noise"
        )
    plain: FloatArray = signal / variance
    if modes is None or modes.shape[1] == 0:
        return plain
    weighted = modes.T @ plain
    inner = np.eye(modes.shape[1]) + _dense(modes.T @ _scaled(modes, 1 / variance))
    correction = np.asarray(modes @ np.linalg.solve(inner, weighted)) / variance
    return plain - correction


def d_prime(signal: FloatArray, variance: FloatArray, modes: Any | None = None) -> float:
    """``sqrt(sᵀ K⁻¹ s)``; see `best_template`.

    >>> round(d_prime(np.array([3.0, 4.0]), np.array([1.0, 1.0])), 6)
    5.0
    >>> round(d_prime(np.array([3.0]), np.array([1.0]), np.array([[2.0]])), 6)   # 3 / sqrt(1 + 2²)
    1.341641
    """
    return math.sqrt(max(float(signal @ best_template(signal, variance, modes)), 0.0))


def hit_rate(d_prime: float, false_alarm_rate: float) -> float:
    """Share of the defects that the ideal observer reports, at the threshold that gives so many false alarms.

    ``Φ(d′ - Φ⁻¹(1 - f))``, for a statistic that is normal and has the same variance in both cases (Barrett & Myers 2004,
    section 13.2.4). A defect that changes the variance much shifts this by some hundredths.
    """
    from scipy.special import ndtr, ndtri

    if not 0 < false_alarm_rate < 1:
        raise InputError(f"false_alarm_rate is {false_alarm_rate:g}: give a share between 0 and 1")
    return float(ndtr(d_prime - ndtri(1 - false_alarm_rate)))


def detectability(
    specimen: PlantedSpecimen, defect: PlantedDefect, exposure: Exposure, physics: AcquisitionPhysics = IDEAL
) -> Detectability:
    """The ideal observer's d′ of one planted defect in one frame.

    Parameters
    ----------
    specimen : with the defect in its truth.
    defect : which one.
    exposure : grid, dwell and current of the frame.
    physics : its probe and detector count; drift, jitter and damage are left out.

    Raises
    ------
    InputError
        The defect was not planted in that specimen.

    Notes
    -----
    Samples count up to twice the defect's reach, or a width beside a line: the far strain of a dislocation and the far side
    of a grain boundary are left out. The texture of a microstructure counts as known, which makes its defects look more
    visible than they are to anyone who does not know it.
    """
    near = samples_near(defect, exposure)
    y_nm, x_nm = (axis[near] for axis in exposure.grid.mesh_nm())
    if y_nm.size == 0:
        return Detectability(defect=defect, d_prime=0.0, samples=0)
    cases = two_cases(specimen, defect, y_nm, x_nm, exposure, physics)
    value = d_prime(cases.signal, cases.variance, cases.modes)
    return Detectability(defect=defect, d_prime=value, samples=len(y_nm))


def detectabilities(
    specimen: PlantedSpecimen, exposure: Exposure, physics: AcquisitionPhysics = IDEAL
) -> tuple[Detectability, ...]:
    """`detectability` of every defect whose extent lies in the frame, in the order of the truth."""
    return tuple(
        detectability(specimen, defect, exposure, physics)
        for defect in specimen.truth
        if samples_near(defect, exposure).any()
    )


def samples_near(defect: PlantedDefect, exposure: Exposure) -> npt.NDArray[np.bool_]:
    """Which samples of a frame the defect is looked for in, shape (rows, cols)."""
    shape = defect.shape
    margin_nm = shape.width_nm if isinstance(shape, Stroke) else shape.reach_nm
    y_nm, x_nm = exposure.grid.mesh_nm()
    away = np.maximum(np.abs(y_nm - defect.center_y_nm), np.abs(x_nm - defect.center_x_nm))
    near: npt.NDArray[np.bool_] = away <= shape.reach_nm + margin_nm
    near[near] = defect.distance_nm(y_nm[near], x_nm[near]) <= margin_nm
    return near


def two_cases(
    specimen: PlantedSpecimen,
    defect: PlantedDefect,
    y_nm: FloatArray,
    x_nm: FloatArray,
    exposure: Exposure,
    physics: AcquisitionPhysics,
) -> TwoCases:
    """Means, variance and modes of the counts at positions, with the defect and without it."""
    electrons, detector = exposure.electrons_a_sample, physics.detector
    cases = [seen_through(case, physics.probe_sigma_nm) for case in (specimen, specimen.without(defect))]
    arriving = [expected(case).intensity(y_nm, x_nm) * electrons for case in cases]
    present, absent = (detector.mean(one) for one in arriving)
    variance = (detector.variance(arriving[0]) + detector.variance(arriving[1])) / 2
    scale = electrons * detector.gain * detector.efficiency / math.sqrt(2)
    return TwoCases(present=present, absent=absent, variance=variance, modes=_modes_of_both(cases, y_nm, x_nm, scale))


def expected(specimen: Specimen) -> Specimen:
    """What an observer expects who knows the specimen, but not the spread of its columns."""
    return specimen.even() if isinstance(specimen, SpreadOfColumns) else specimen


def _modes_of_both(cases: list[Specimen], y_nm: FloatArray, x_nm: FloatArray, scale: float) -> Any | None:
    """Half the covariance of each case: their modes side by side, each over the square root of two."""
    from scipy import sparse

    modes = [case.column_modes(y_nm, x_nm) * scale for case in cases if isinstance(case, SpreadOfColumns)]
    if not modes:
        return None
    both = sparse.hstack(modes, format="csc")
    used = np.flatnonzero(np.asarray(abs(both).sum(axis=0)).ravel() > 0)
    return both[:, used] if len(used) else None


def _scaled(modes: Any, weights: FloatArray) -> Any:
    """Each row times its weight, sparse or not."""
    from scipy import sparse

    return sparse.diags_array(weights) @ modes if sparse.issparse(modes) else modes * weights[:, None]


def _dense(values: Any) -> FloatArray:
    from scipy import sparse

    return np.asarray(values.toarray() if sparse.issparse(values) else values, float)
