"""Everything of an image that explanations of its regions need, worked out once."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from deepscan_core.errors import InputError
from deepscan_core.explain.deformation import deformation_of
from deepscan_core.explain.neighbours import PatchSpace
from deepscan_core.explain.occlusion import occlude
from deepscan_core.explain.records import Difference, Explanation, Oddity
from deepscan_core.explain.spectrum import SIDE_PX, SMALLEST_SIDE_PX, Spectrum, spectrum_of
from deepscan_core.explain.words import sentences_of
from deepscan_core.records.coordinates import YX
from deepscan_core.records.maps import FeatureMap
from deepscan_core.records.regions import ScanRegion
from deepscan_core.scoring.calibration import n_places
from deepscan_core.scoring.character import SMOOTHING_PX, character_of, extent_px
from deepscan_core.scoring.noise import QUICK_SAMPLES, estimate_noise
from deepscan_core.scoring.parts import Parts
from deepscan_core.scoring.structure import SMOOTHING_PX as STRUCTURE_SMOOTHING_PX

FloatImage = npt.NDArray[np.float32]
Slices = tuple[slice, slice]

SMALLEST_WINDOW_PX = 40  # of what is shown around a small region
WINDOW_SHARE = 1.5  # of a region that is larger
LARGEST_WINDOW_PX = 192
GRID_SHARE = 0.75  # of a window between neighbours of those around
AROUND_SHARES = (0.5, 1.25)  # of a window: how far away those around are
FWHM_OF_SIGMA = 2.3548


class Grounds:
    """Explains regions of one image.

    Parameters
    ----------
    parts : of its surprisal.
    features : of the patches that the surprisal compares.
    pixel_size_nm : ``(y, x)``, None without calibration.
    """

    def __init__(self, parts: Parts, features: FeatureMap, pixel_size_nm: YX | None = None) -> None:
        self._parts = parts
        self._space = PatchSpace(features)
        self._pixel_size_nm = pixel_size_nm
        self._shape = parts.sigmas.shape
        structure = parts.structure
        self._noise = estimate_noise(structure.scaled, parts.predicted, structure.known_noise, samples=QUICK_SAMPLES)
        self._spectra: dict[tuple[int, int], Spectrum] = {}

    def arrays(self) -> Iterator[npt.NDArray[Any]]:
        """All that is held; some of it is held by the study as well."""
        yield from self._parts.arrays()
        yield from self._space.arrays()
        yield from (spectrum.power for spectrum in self._spectra.values())

    @property
    def predicted(self) -> FloatImage:
        """What the rest of the image predicts of each pixel, shape (rows, cols), in the range of the normalised image."""
        return self._parts.predicted

    def explain(self, region: ScanRegion, clicks_px: Sequence[YX] = ()) -> Explanation:
        """Why a region scores as it does.

        Parameters
        ----------
        region : of the image.
        clicks_px : examples ``(y, x)`` of what is looked for, with which the region is compared.

        Raises
        ------
        InputError
            A region, or a click, that lies outside the image.
        """
        rows, cols = inner = region.slices((self._shape[0], self._shape[1]))
        if rows.start >= rows.stop or cols.start >= cols.stop:
            raise InputError(
                f"a region at {region.center_px} px of {region.size_px} px lies outside the image of {self._shape} px: "
                "give one inside"
            )
        for y, x in clicks_px:
            if not all(-0.5 <= at <= n - 0.5 for at, n in zip((y, x), self._shape, strict=True)):
                raise InputError(f"click ({y:g}, {x:g}) lies outside the image of {self._shape} px: click inside")
        parts = self._parts
        nats = parts.nats({name: excess[inner] for name, excess in parts.excesses.items()})
        row, col = np.unravel_index(int(nats.argmax()), nats.shape)
        peak_px = (rows.start + int(row), cols.start + int(col))
        window = self._window(inner, peak_px)
        spectrum = self._spectrum_at(peak_px)
        around = self._spectra_around(peak_px) if spectrum is not None else []
        lattices = [one.lattice for one in around if one.lattice is not None]
        deformation = None
        if spectrum is not None and spectrum.lattice is not None:
            deformation = deformation_of(spectrum.lattice, lattices, self._pixel_size_nm or (1.0, 1.0))
        highest = float(nats.max())
        found = Explanation(
            region=region,
            peak_px=peak_px,
            nats=highest,
            by_chance=n_places(self._shape) * math.exp(-highest),
            contributions_nats=parts.contributions_nats(peak_px),
            oddity=self._oddity(region, inner, window),
            residual=Difference(
                rows=window[0],
                cols=window[1],
                observed=parts.structure.smooth[window].copy(),  # an explanation does not hold the image
                predicted=parts.predicted[window].copy(),
                sigmas=parts.sigmas[window].copy(),
            ),
            occlusion=occlude(parts, inner, peak_px),
            spectrum=spectrum,
            crystallinity_around=float(np.median([one.crystallinity for one in around])) if around else None,
            deformation=deformation,
            in_crystal=float(parts.structure.periodicity[peak_px]) > 0.5,
            neighbours=self._space.around(peak_px, clicks_px, max(self._space.features.step_px * 2, 8.0)),
            pixel_size_nm=self._pixel_size_nm,
        )
        return replace(found, sentences=sentences_of(found))

    def _oddity(self, region: ScanRegion, inner: Slices, window: Slices) -> Oddity:
        from scipy import ndimage

        signed = self._parts.spot_sigmas
        character = character_of(signed, self._parts.structure.periodicity, region)
        row, col = np.unravel_index(int(np.abs(signed[inner]).argmax()), signed[inner].shape)
        at_px = (inner[0].start + int(row), inner[1].start + int(col))
        height = float(signed[at_px])
        outer = tuple(slice(min(i.start, w.start), max(i.stop, w.stop)) for i, w in zip(inner, window, strict=True))
        beyond = signed[outer] * math.copysign(1, height) > abs(height) / 2
        pieces, _ = ndimage.label(beyond, np.ones((3, 3)))
        own = pieces == pieces[tuple(a - o.start for a, o in zip(at_px, outer, strict=True))] if height else beyond
        length_px, elongation = extent_px(own)
        across_px = length_px / elongation if character.endswith("line") else math.sqrt(4 / math.pi * own.sum())
        added_px = FWHM_OF_SIGMA * math.hypot(SMOOTHING_PX, STRUCTURE_SMOOTHING_PX)
        return Oddity(
            character=character,
            at_px=at_px,
            sigmas=height,
            width_px=math.sqrt(max(across_px**2 - added_px**2, 1.0)),
            length_px=length_px,
        )

    def _window(self, inner: Slices, peak_px: tuple[int, int]) -> Slices:
        """What is shown of a region: some of its surroundings too, of a large one the part around its peak."""
        spans = []
        for span, at, length in zip(inner, peak_px, self._shape, strict=True):
            size = span.stop - span.start
            wanted = min(max(SMALLEST_WINDOW_PX, round(WINDOW_SHARE * size)), LARGEST_WINDOW_PX, length)
            middle = (span.start + span.stop) // 2 if wanted >= size else at
            start = min(max(middle - wanted // 2, 0), length - wanted)
            spans.append(slice(start, start + wanted))
        return (spans[0], spans[1])

    def _spectrum_at(self, center_px: tuple[int, int]) -> Spectrum | None:
        """Of the window around a pixel, moved into the image; None where the image is too small for one."""
        side = self._side_px()
        if side < SMALLEST_SIDE_PX:
            return None
        starts = [min(max(at - side // 2, 0), n - side) for at, n in zip(center_px, self._shape, strict=True)]
        return self._spectrum((starts[0], starts[1]))

    def _spectra_around(self, center_px: tuple[int, int]) -> list[Spectrum]:
        """Of windows on a fixed grid, so that regions share them."""
        side = self._side_px()
        axes = [
            np.unique(np.linspace(0, n - side, 1 + math.ceil((n - side) / (GRID_SHARE * side))).round().astype(int))
            for n in self._shape
        ]
        y, x = (grid.ravel() for grid in np.meshgrid(*axes, indexing="ij"))
        away = np.maximum(np.abs(y + side // 2 - center_px[0]), np.abs(x + side // 2 - center_px[1])) / side
        chosen = (away >= AROUND_SHARES[0]) & (away <= AROUND_SHARES[1])
        return [self._kept_spectrum((int(top), int(left))) for top, left in zip(y[chosen], x[chosen], strict=True)]

    def _kept_spectrum(self, corner: tuple[int, int]) -> Spectrum:
        if corner not in self._spectra:
            self._spectra[corner] = self._spectrum(corner)
        return self._spectra[corner]

    def _spectrum(self, corner: tuple[int, int]) -> Spectrum:
        side = self._side_px()
        window = (slice(corner[0], corner[0] + side), slice(corner[1], corner[1] + side))
        variance = self._noise.variance(self._parts.predicted[window])
        return spectrum_of(self._parts.structure.scaled[window], *window, variance.astype(np.float32))

    def _side_px(self) -> int:
        return int(min(SIDE_PX, *self._shape)) // 2 * 2
