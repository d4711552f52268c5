"""The map of an observer who knows the specimen and its defects, but not where they are: the rival nobody can beat fairly.

At every sample it asks, for each defect it knows, how much more likely the counts are with that defect there than without
(Barrett & Myers, Foundations of Image Science, 2004, section 13.2; scanning observers, section 13.2.14).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deepscan_core.errors import InputError
from deepscan_core.simulation.blur import seen_through
from deepscan_core.simulation.detectability import best_template, expected, samples_near, two_cases
from deepscan_core.simulation.physics import IDEAL, AcquisitionPhysics, Exposure
from deepscan_core.simulation.shapes import Stroke
from deepscan_core.simulation.specimens.atomic import AtomicSpecimen
from deepscan_core.simulation.specimens.base import PlantedSpecimen, SpreadOfColumns
from deepscan_core.simulation.truth import PlantedDefect

FloatArray = npt.NDArray[np.float64]
MOST_TEMPLATES = 40
ALIKE = 0.1  # point defects whose amplitudes differ by less than this share look alike
MOST_PLACES = 400  # that are told apart; what is less likely than these keeps its own value
FELT = 0.01  # share of the strongest signal from which a sample counts as explained
EMPTY_VARIANCE = 1e-6  # where nothing at all is expected, as a share of the mean variance


@dataclass(frozen=True, kw_only=True, eq=False)
class _Template:
    """A defect around a sample, in odd shape: its mean counts, the samples it covers, and those it is felt at."""

    signal: FloatArray
    covers: npt.NDArray[np.bool_]
    explains: npt.NDArray[np.bool_]


def ideal_observer_map(
    specimen: PlantedSpecimen,
    exposure: Exposure,
    counts: npt.NDArray[np.floating],
    physics: AcquisitionPhysics = IDEAL,
) -> npt.NDArray[np.float32]:
    """Log-likelihood ratio "a defect is centred here" of the likeliest known defect, at every sample.

    Parameters
    ----------
    specimen : what lies under the beam; its planted defects are the ones that are known, its pristine self the background.
    exposure : how the frame was taken.
    counts : the frame, shape (rows, cols).
    physics : its probe and detector count; drift, jitter and damage are left out, and cost this observer dearly.

    Returns
    -------
    float32 ndarray of shape (rows, cols), higher = more likely. At the likeliest places the whole extent of the defect
    carries their value; what such a defect explains around it is at most 0.

    Raises
    ------
    InputError
        Counts of another shape than the grid.

    Notes
    -----
    Counts are taken as normal, which they nearly are above ten; centres are looked for on samples only; columns of one site
    are taken as far apart as the defects are wide. Defects that change the crystal far away (dislocations, boundaries) are
    asked about at their true place only, all samples together, because the observer has to know the strain around them.
    """
    grid = exposure.grid
    if counts.shape != (grid.rows, grid.cols):
        raise InputError(f"counts of shape {counts.shape}: the grid has {(grid.rows, grid.cols)}")
    far = _far_reaching(specimen)
    local = [defect for defect in specimen.truth if defect not in far]
    background = specimen
    for defect in local:
        background = background.without(defect)
    y_nm, x_nm = grid.mesh_nm()
    seen = seen_through(background, physics.probe_sigma_nm)
    arriving = expected(seen).intensity(y_nm, x_nm) * exposure.electrons_a_sample
    variance = physics.detector.variance(arriving)
    variance = np.maximum(variance, EMPTY_VARIANCE * max(float(variance.mean()), 1e-300))
    residual = (np.asarray(counts, float) - physics.detector.mean(arriving)) / variance
    scale = exposure.electrons_a_sample * physics.detector.gain * physics.detector.efficiency
    spread = seen.spread_fields(y_nm, x_nm) * scale / variance if isinstance(seen, SpreadOfColumns) else None
    best, which = np.full(counts.shape, -np.inf), np.zeros(counts.shape, np.int64)
    templates = _templates(specimen, local, exposure, physics)
    for number, template in enumerate(templates):
        ratio = _log_ratio(template.signal, residual, 1 / variance, spread)
        which = np.where(ratio > best, number, which)
        np.maximum(best, ratio, out=best)
    score = _one_place_each(best, which, templates) if templates else np.zeros(counts.shape)
    for defect in far:
        _mark_far(score, specimen, defect, exposure, counts, physics)
    return score.astype(np.float32)


def _far_reaching(specimen: PlantedSpecimen) -> tuple[PlantedDefect, ...]:
    if not isinstance(specimen, AtomicSpecimen):
        return ()
    return (*(truth for _, truth in specimen.dislocations), *specimen.extended)


def _templates(
    specimen: PlantedSpecimen, local: list[PlantedDefect], exposure: Exposure, physics: AcquisitionPhysics
) -> list[_Template]:
    """One of each sort of point defect, and every line or area; those in the frame first."""
    in_view = sorted(local, key=lambda defect: not samples_near(defect, exposure).any())
    sorts: dict[object, PlantedDefect] = {}
    for defect in in_view:
        size = round(math.log(max(abs(defect.amplitude), 1e-12)) / ALIKE)
        sort = defect if defect.is_extended else (defect.kind, defect.amplitude > 0, size)
        sorts.setdefault(sort, defect)
    chosen = list(sorts.values())[:MOST_TEMPLATES]
    return [_template(specimen, defect, exposure, physics) for defect in chosen]


def _template(
    specimen: PlantedSpecimen, defect: PlantedDefect, exposure: Exposure, physics: AcquisitionPhysics
) -> _Template:
    grid, shape = exposure.grid, defect.shape
    margin_nm = shape.width_nm if isinstance(shape, Stroke) else shape.reach_nm
    half_nm = shape.reach_nm + margin_nm
    pitch_y, pitch_x = grid.height_nm / grid.rows, grid.width_nm / grid.cols
    half_rows = min(math.ceil(half_nm / pitch_y), grid.rows - 1)
    half_cols = min(math.ceil(half_nm / pitch_x), grid.cols - 1)
    v = np.arange(-half_rows, half_rows + 1)[:, None] * pitch_y
    u = np.arange(-half_cols, half_cols + 1)[None, :] * pitch_x
    cos, sin = math.cos(grid.ccw_rad), math.sin(grid.ccw_rad)
    y_nm = defect.center_y_nm + v * cos - u * sin
    x_nm = defect.center_x_nm + u * cos + v * sin
    cases = two_cases(specimen, defect, y_nm.ravel(), x_nm.ravel(), exposure, physics)
    signal = cases.signal.reshape(y_nm.shape)
    felt = np.abs(signal) > FELT * np.abs(signal).max()
    covers = defect.covers(y_nm, x_nm)
    return _Template(signal=signal, covers=covers, explains=felt | covers)


def _log_ratio(
    signal: FloatArray, residual: FloatArray, precision: FloatArray, spread: FloatArray | None
) -> FloatArray:
    """``(n e - e² / 2) / (e + q)``: n what was found of the signal, e what it would be, q what the spread adds to it."""
    from scipy.signal import fftconvolve

    def matched(field: FloatArray, template: FloatArray) -> FloatArray:
        found: FloatArray = fftconvolve(field, template[::-1, ::-1], mode="full")
        above, left = template.shape[0] // 2, template.shape[1] // 2
        return found[above : above + field.shape[0], left : left + field.shape[1]]

    found, certain = matched(residual, signal), np.maximum(matched(precision, signal**2), 0)
    disturbed = 0.0 if spread is None else sum(matched(field, signal) ** 2 for field in spread)
    return (found * certain - certain**2 / 2) / np.maximum(certain + disturbed, 1e-12)


def _one_place_each(best: FloatArray, which: npt.NDArray[np.int64], templates: list[_Template]) -> FloatArray:
    """The likeliest place first: its extent gets its value, and what it explains around it counts no more."""
    rest, score = best.copy(), np.minimum(best, 0.0)
    marked = np.full(best.shape, -np.inf)
    for _ in range(MOST_PLACES):
        row, col = (int(i) for i in np.unravel_index(int(rest.argmax()), rest.shape))
        value = rest[row, col]
        if value <= 0:
            break
        template = templates[which[row, col]]
        rows, half_rows = best.shape[0], template.covers.shape[0] // 2
        cols, half_cols = best.shape[1], template.covers.shape[1] // 2
        low_r, high_r = max(row - half_rows, 0), min(row + half_rows + 1, rows)
        low_c, high_c = max(col - half_cols, 0), min(col + half_cols + 1, cols)
        part = (
            slice(low_r - row + half_rows, high_r - row + half_rows),
            slice(low_c - col + half_cols, high_c - col + half_cols),
        )
        covered = marked[low_r:high_r, low_c:high_c]
        covered[template.covers[part]] = np.maximum(covered[template.covers[part]], value)
        rest[low_r:high_r, low_c:high_c][template.explains[part]] = -np.inf
        marked[row, col] = max(marked[row, col], value)
        rest[row, col] = -np.inf
    cleared: FloatArray = np.maximum(np.maximum(score, rest), marked)
    return cleared


def _mark_far(
    score: FloatArray,
    specimen: PlantedSpecimen,
    defect: PlantedDefect,
    exposure: Exposure,
    counts: npt.NDArray[np.floating],
    physics: AcquisitionPhysics,
) -> None:
    near = samples_near(defect, exposure)
    if not near.any():
        return
    y_nm, x_nm = (axis[near] for axis in exposure.grid.mesh_nm())
    cases = two_cases(specimen, defect, y_nm, x_nm, exposure, physics)
    weights = best_template(cases.signal, cases.variance, cases.modes)
    value = float(weights @ (counts[near] - (cases.present + cases.absent) / 2))
    inside = defect.covers(*exposure.grid.mesh_nm())
    score[inside] = np.maximum(score[inside], value)
