"""From a study to what adaptive strategies need: candidates with calibrated probabilities, and a judge of frames.

Strategies know nothing of scoring; here the two are put together.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from deepscan_core.acquisition.strategies import Candidate
from deepscan_core.errors import InputError
from deepscan_core.ingest.normalise import fill_unmeasured, grey_range
from deepscan_core.planning import PlanSettings, make_protocol
from deepscan_core.records.coordinates import YX, ScanContext, check_positive
from deepscan_core.records.frames import ScanFrame
from deepscan_core.records.image import CalibratedImage
from deepscan_core.records.protocol import ScanStep
from deepscan_core.records.regions import ScanRegion
from deepscan_core.scoring.evidence import matched_sigmas, spot_evidence_nats
from deepscan_core.scoring.local_share import region_probabilities
from deepscan_core.scoring.noise import estimate_noise
from deepscan_core.scoring.nonlocal_means import prediction
from deepscan_core.scoring.structure import SMOOTHING_PX, structure_of
from deepscan_core.study import Study
from deepscan_core.threads import one_blas_thread

FloatArray = npt.NDArray[np.float64]

SPOT_PX = 2.0  # of a column or an atom in the preview
SEARCH_PX = 4.0  # how far from where the preview has it a spot may lie
FEATURE_OFFSETS_PX = (-6.0, -3.0, 0.0, 3.0, 6.0)  # about a cell of a crystal
ALIKE = 0.5  # root mean square difference of two surroundings, in standard deviations of the image, that counts as one
OTHER_SIGN = 2.0  # distance in feature space of what is too dark from what is too bright
PREDICTED_FROM = 16  # places of the preview that each pixel is predicted from, about: the prediction has their noise
SURELY_PREDICTED = 4  # tiles that the spread which the preview shows counts as
SIGMA_OF_MEDIAN = 1.4826


@dataclass
class _Spread:
    """How far frames of one sort stray from the expected where nothing is, learned as they come.

    Tiles that hold something stray in their corners too, and the first tiles mostly do; so the lower quartile counts.
    """

    medians: list[float] = field(default_factory=list)

    def after(self, sigmas: FloatArray, by_prediction: float) -> float:
        """Take down a frame's places beside the candidate; the factor by which its sigmas are too small, at least 1."""
        if sigmas.size:
            self.medians.append(SIGMA_OF_MEDIAN * float(np.median(np.abs(sigmas))))
        return max(float(np.quantile([by_prediction] * SURELY_PREDICTED + self.medians, 0.25)), 1.0)


class Background:
    """What a preview predicts for itself, and so for any closer look: the background model of all judgements.

    Parameters
    ----------
    study : of the preview.
    context : the scan it came from, calibrated.
    preview_dwell_us : its dwell time, since counts grow with it.
    full_dwell_us, full_density : dwell time and samples a preview pixel along each axis of a tile: what is visible at that
        dose is less visible in a cheaper look.

    Notes
    -----
    Assumes that grey values are proportional to the dwell time above the detector's offset, and that frames lie where they
    were asked for: drift has to be corrected. What the preview predicts badly everywhere, such as columns that differ,
    is learned from the frames themselves, from the places beside the candidates.
    """

    def __init__(
        self,
        study: Study,
        context: ScanContext,
        *,
        preview_dwell_us: float,
        full_dwell_us: float,
        full_density: float,
    ) -> None:
        from scipy import ndimage

        check_positive("dwell times, density", preview_dwell_us, full_dwell_us, full_density)
        if (context.rows, context.cols) != study.image.shape:
            raise InputError(f"the context has {context.rows} x {context.cols} px, the image {study.image.shape}")
        values = fill_unmeasured(study.image.array)
        low, high = grey_range(values)
        unit = high - low if high > low else 1.0
        with one_blas_thread():
            structure = structure_of(((values - low) / unit).astype(np.float32))
            predicted = prediction(structure)
            self.expected = predicted.astype(float) * unit + low
            self._noise = estimate_noise(values, predicted, study.known_noise)
        self._usual = (float(self.expected.mean()), float(self.expected.std()) or 1.0)
        self.residual = values - self.expected
        self.variance = self._noise.variance(self.expected)
        self._splines = ndimage.spline_filter(self.expected, order=3)
        self.context = context
        self._preview_dwell_us = preview_dwell_us
        self._full = full_dwell_us * full_density**2
        self._spreads: dict[tuple[float, int, int], _Spread] = {}
        self.sigmas = matched_sigmas(
            values,
            self.expected,
            self.variance,
            smoothing_px=SMOOTHING_PX,
            spot_px=SPOT_PX,
        )

        spread = SIGMA_OF_MEDIAN * float(np.median(np.abs(self.sigmas)))
        self._excess = max(
            spread**2 - 1, 1 / PREDICTED_FROM
        )  # variance of the prediction, in that of the preview's noise

    def spot_px(self, region: ScanRegion) -> YX:
        """Where in a region the preview strays most from the expected."""
        rows, cols = region.slices(self.expected.shape)
        row, col = np.unravel_index(int(np.abs(self.sigmas[rows, cols]).argmax()), self.sigmas[rows, cols].shape)
        return (float(rows.start + row), float(cols.start + col))

    def features(self, spot_px: YX) -> tuple[float, ...]:
        """What lies around a place according to the rest of the image, and whether it is too dark or too bright there.

        The expected surroundings hold little noise: in a crystal they say which site of the cell it is.
        """
        from scipy import ndimage

        down, right = np.meshgrid(FEATURE_OFFSETS_PX, FEATURE_OFFSETS_PX, indexing="ij")
        places = np.stack([spot_px[0] + down.ravel(), spot_px[1] + right.ravel()])
        around = ndimage.map_coordinates(self.expected, places, order=1, mode="nearest")
        scale = ALIKE * self._usual[1] * math.sqrt(around.size)
        sign = math.copysign(OTHER_SIGN / 2, self.sigmas[round(spot_px[0]), round(spot_px[1])])
        return (*(float(v) for v in (around - self._usual[0]) / scale), sign)

    def judge(self, spots_px: Sequence[YX]) -> PlaceJudge:
        """A judge of frames that each look at one of these spots."""
        return PlaceJudge(self, spots_px)

    def evidence_nats(self, frame: ScanFrame, spot_px: YX) -> float:
        """How much a frame speaks for a spot at a place, see `scoring.evidence`.

        Raises
        ------
        InputError
            A frame of no step.
        """
        step, (rows_px, cols_px, density) = _step_of(frame), self._places_px(_step_of(frame))
        sigmas = self._sigmas_of(frame)
        away = np.hypot(rows_px - spot_px[0], cols_px - spot_px[1])
        sort = self._spreads.setdefault((step.dwell_time_us, step.rows, step.cols), _Spread())
        dose = step.dwell_time_us * density**2
        by_prediction = math.sqrt(1 + dose / self._preview_dwell_us * self._excess)
        factor = sort.after(sigmas[away > SEARCH_PX + 2 * SPOT_PX], by_prediction)
        near = sigmas[away <= SEARCH_PX]
        share = dose / self._full
        return spot_evidence_nats((near if near.size else sigmas) / factor, share=min(share, 1.0))

    def spot_in(self, frame: ScanFrame) -> YX:
        """Where in the preview the frame strays most from the expected, fractional indices."""
        rows_px, cols_px, _ = self._places_px(_step_of(frame))
        at = np.unravel_index(int(np.abs(self._sigmas_of(frame)).argmax()), rows_px.shape)
        return (float(rows_px[at]), float(cols_px[at]))

    def difference(self, frame: ScanFrame, at_px: tuple[int, int], reach_px: int) -> FloatArray:
        """What a frame shows beyond the expected, in grey values of the preview and at its pixels.

        Parameters
        ----------
        frame : of a step.
        at_px : pixel of the preview in the middle of the window.
        reach_px : of the window to each side.

        Returns
        -------
        ndarray of shape (2 reach_px + 1, 2 reach_px + 1); 0 where the frame has no sample.
        """
        from scipy import ndimage

        step = _step_of(frame)
        rows_px, cols_px, density = self._places_px(step)
        longer = step.dwell_time_us / self._preview_dwell_us
        counted = ndimage.gaussian_filter(np.asarray(frame.values, float) - self._noise.offset, SMOOTHING_PX * density)
        beyond = counted / longer - (self._at(rows_px, cols_px) - self._noise.offset)
        side = 2 * reach_px + 1
        rows = np.rint(rows_px).astype(int) - at_px[0] + reach_px
        cols = np.rint(cols_px).astype(int) - at_px[1] + reach_px
        near = (rows >= 0) & (rows < side) & (cols >= 0) & (cols < side)
        cells = rows[near] * side + cols[near]
        sums = np.bincount(cells, weights=beyond[near], minlength=side**2)
        counts = np.bincount(cells, minlength=side**2)
        found: FloatArray = (sums / np.maximum(counts, 1)).reshape(side, side)
        return found

    def _sigmas_of(self, frame: ScanFrame) -> FloatArray:
        """What stands out of the expected in a frame, as `matched_sigmas` has it."""
        step = _step_of(frame)
        rows_px, cols_px, density = self._places_px(step)
        longer = step.dwell_time_us / self._preview_dwell_us
        expected = (self._at(rows_px, cols_px) - self._noise.offset) * longer + self._noise.offset
        return matched_sigmas(
            frame.values,
            expected,
            self._noise.variance(expected),
            smoothing_px=SMOOTHING_PX * density,
            spot_px=SPOT_PX * density,
        )

    def _places_px(self, step: ScanStep) -> tuple[FloatArray, FloatArray, float]:
        """Where the samples of a step lie in the preview, and how many of them there are to a pixel of it."""
        grid, pitch = step.in_context(), self.context.pixel_size_nm
        y_nm, x_nm = grid.mesh_nm()
        (y0, x0), rows, cols = self.context.nm_from_px((0.0, 0.0)), self.context.rows, self.context.cols
        density = math.sqrt(grid.rows * grid.cols / (grid.height_nm * grid.width_nm) * pitch[0] * pitch[1])
        rows_px, cols_px = (y_nm - y0) / pitch[0], (x_nm - x0) / pitch[1]
        return np.clip(rows_px, 0, rows - 1), np.clip(cols_px, 0, cols - 1), density

    def _at(self, rows_px: FloatArray, cols_px: FloatArray) -> FloatArray:
        from scipy import ndimage

        found: FloatArray = ndimage.map_coordinates(self._splines, [rows_px, cols_px], order=3, prefilter=False)
        return found


def _step_of(frame: ScanFrame) -> ScanStep:
    if frame.step is None:
        raise InputError("a preview was given to be judged: give the frame of a step")
    return frame.step


class PlaceJudge:
    """Judges the frames of candidates whose spots are known; a `Judge` for strategies.

    Parameters
    ----------
    background : of the preview.
    spots_px : of all candidates.
    """

    def __init__(self, background: Background, spots_px: Sequence[YX]) -> None:
        self._background = background
        self._spots = np.array(spots_px, float).reshape(-1, 2)

    def __call__(self, frame: ScanFrame) -> float:
        """Evidence in nats for something at the spot that the frame was made for.

        The known spot nearest to its middle, or the middle itself where the frame holds none.
        """
        step = _step_of(frame)
        middle = (step.center_y_px, step.center_x_px)
        away = np.abs(self._spots - middle)
        nearest = int(np.hypot(*away.T).argmin()) if len(away) else -1
        is_known = nearest >= 0 and bool(np.all(away[nearest] <= (step.height_px / 2, step.width_px / 2)))
        spot = (float(self._spots[nearest, 0]), float(self._spots[nearest, 1])) if is_known else middle
        return self._background.evidence_nats(frame, spot)


def tiles_of(
    image: CalibratedImage, regions: Sequence[ScanRegion], context: ScanContext, settings: PlanSettings
) -> tuple[ScanStep, ...]:
    """One step for each region, in their order, planned as `make_protocol` plans it but without a tour.

    A strategy decides the order itself, and the search for the shortest tour through some hundred candidates takes
    seconds.
    """
    return tuple(make_protocol(image, [region], settings, context=context).steps[0] for region in regions)


def candidates_of(
    background: Background, regions: Sequence[ScanRegion], steps: Sequence[ScanStep]
) -> tuple[tuple[Candidate, ...], PlaceJudge]:
    """Candidates for adaptive strategies, in the order of the regions, and the judge of their frames.

    Parameters
    ----------
    background : of the preview that the regions were found in.
    regions : best first, from a surprisal map: their scores are nats. Give all down to where chance makes most of them.
    steps : the tile of each region, see `tiles_of`.

    Raises
    ------
    InputError
        Not one step for each region.
    """
    if len(regions) != len(steps):
        raise InputError(f"{len(regions)} regions and {len(steps)} steps: give one step for each region")
    chances = region_probabilities(np.array([region.score for region in regions]), background.expected.shape)
    spots = [background.spot_px(region) for region in regions]
    found = tuple(
        Candidate(step=step, probability=float(chance), features=background.features(spot))
        for step, chance, spot in zip(steps, chances, spots, strict=True)
    )
    return found, background.judge(spots)
