"""Which patches of the image look most like a place, by the features that the surprisal compares."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from deepscan_core.records.coordinates import YX
from deepscan_core.records.maps import FeatureMap
from deepscan_core.scoring.density import BULK_SHARE, leading_components

Table = npt.NDArray[np.float32]

NEAREST = 3
APART_STEPS = 2.0  # between the patches that are shown, and from the place itself


@dataclass(frozen=True, kw_only=True)
class Neighbour:
    """A patch that is compared with a place.

    Attributes
    ----------
    center_px : ``(y, x)`` image index.
    distance : in the feature space, in units of the usual distance between two patches of the bulk.
    nearer_share : of all patches that are nearer to the place than this one.
    """

    center_px: YX
    distance: float
    nearer_share: float


@dataclass(frozen=True, kw_only=True)
class Neighbours:
    """A place among the patches of its image.

    Attributes
    ----------
    center_px : of the patch that was compared.
    size_px : of patches as they are shown.
    distance : of the patch from the middle of the bulk, over that of the median patch.
    percentile : of all patches, how many per cent are nearer to the middle of the bulk.
    nearest : positive clicks where there are any, else the nearest patches elsewhere in the image; nearest first.
    are_clicks : which of the two.
    """

    center_px: YX
    size_px: float
    distance: float
    percentile: float
    nearest: tuple[Neighbour, ...]
    are_clicks: bool


class PatchSpace:
    """The patches of an image on their leading principal components, where the bulk has unit variance.

    Distances are Mahalanobis distances of the bulk, the nine tenths of the patches nearest to the mean, as in
    `scoring.density.mahalanobis`.
    """

    def __init__(self, features: FeatureMap) -> None:
        self.features = features
        self._centers_px = features.centers_px()
        table = leading_components(features.table())
        first = _from_middle(_whitened(table, np.ones(len(table), bool)))
        self._table = _whitened(table, first <= np.quantile(first, BULK_SHARE))
        self._from_middle = _from_middle(self._table)
        self._median = float(np.median(self._from_middle)) or 1.0

    def arrays(self) -> Iterator[npt.NDArray[Any]]:
        """All that is held, the features among it."""
        yield from (self.features.values, self._table, self._from_middle, self._centers_px)

    def around(self, place_px: YX, clicks_px: Sequence[YX], size_px: float) -> Neighbours:
        """Compare the patch at a place with those of clicks, or with the rest of the image."""
        own = self._number(place_px)
        apart = np.sqrt(((self._table - self._table[own]) ** 2).sum(axis=1))
        order = np.argsort(apart, kind="stable")
        if clicks_px:
            chosen = list(dict.fromkeys(self._number(click) for click in clicks_px))
            chosen = sorted(chosen, key=lambda number: float(apart[number]))[:NEAREST]
        else:
            chosen = self._elsewhere(own, order)
        usual = self._median * np.sqrt(2)  # two independent patches are that far apart
        return Neighbours(
            center_px=self._place(own),
            size_px=size_px,
            distance=float(self._from_middle[own]) / self._median,
            percentile=100 * float((self._from_middle < self._from_middle[own]).mean()),
            nearest=tuple(
                Neighbour(
                    center_px=self._place(number),
                    distance=float(apart[number]) / float(usual),
                    nearer_share=float((np.delete(apart, own) < apart[number]).mean()) if len(apart) > 1 else 0.0,
                )
                for number in chosen
            ),
            are_clicks=bool(clicks_px),
        )

    def _elsewhere(self, own: int, order: npt.NDArray[np.intp]) -> list[int]:
        """The nearest patches that overlap neither the place nor each other."""
        step_px = self.features.step_px * APART_STEPS
        kept = [own]
        for number in order.tolist():
            away = np.abs(self._centers_px[kept] - self._centers_px[number]).max(axis=1)
            if (away >= step_px - 1e-6).all():
                kept.append(number)
            if len(kept) > NEAREST:
                break
        return kept[1:]

    def _number(self, place_px: YX) -> int:
        row, col = self.features.nearest_cell(place_px)
        return int(row * self.features.values.shape[1] + col)

    def _place(self, number: int) -> YX:
        y, x = self._centers_px[number]
        return (float(y), float(x))


def _whitened(table: Table, bulk: npt.NDArray[np.bool_]) -> Table:
    """Components divided by their spread in the bulk, around its middle; those that do not vary are left out."""
    centred = table - table[bulk].mean(axis=0)
    spread = centred[bulk].std(axis=0)
    varying = spread > 1e-6 * spread.max(initial=0.0)
    whitened: Table = centred[:, varying] / spread[varying]
    return whitened


def _from_middle(table: Table) -> npt.NDArray[np.float32]:
    distances: npt.NDArray[np.float32] = np.sqrt((table**2).sum(axis=1))
    return distances
