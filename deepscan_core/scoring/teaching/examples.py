"""What a few clicks on one image say, apart from the image: `Lesson` in, `Examples` out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from deepscan_core.errors import InputError
from deepscan_core.records.coordinates import YX
from deepscan_core.records.stacks import FeatureStack

FloatArray = npt.NDArray[np.float32]

SAMPLE_PLACES = 2048  # of one image
RARE_SHARE = 0.2  # of an image is called rare; the rest is its bulk
KEEP_AWAY_PX = 16.0  # from a positive click: the object may reach so far
JITTER_PX = 2.0  # a click is not exactly on its pixel
SAME_PLACE_PX = 1.0


@dataclass(frozen=True, eq=False, kw_only=True)
class Sample:
    """Places of one image that stand for all of it, the rare ones in finer detail.

    Attributes
    ----------
    points_px : where, shape (n, 2), ``(y, x)``.
    features : of those, shape (n, n_features).
    shares : how much of the image each stands for, shape (n,), 1 in all.
    is_rare : whether the image calls the place rare, shape (n,).
    """

    points_px: npt.NDArray[np.float64]
    features: FloatArray
    shares: FloatArray
    is_rare: npt.NDArray[np.bool_]


def draw_sample(features: FeatureStack, surprisal: npt.NDArray[np.floating[Any]], *, seed: int = 0) -> Sample:
    """Half of the places from the bulk, half from the rarest fifth: what is rare and not wanted has to be known well.

    Parameters
    ----------
    features : of the image.
    surprisal : shape (rows, cols), higher is rarer.
    seed : of the draw.
    """
    rng = np.random.default_rng(seed)
    flat = surprisal.ravel()
    # Ranks rather than levels: of equal pixels, as in a flat map, a fifth is called rare as well.
    order = np.argsort(flat, kind="stable")
    n_bulk = max(1, round((1 - RARE_SHARE) * len(order)))
    parts = [part for part in (order[:n_bulk], order[n_bulk:]) if len(part)]
    drawn = [rng.choice(part, min(SAMPLE_PLACES // 2, len(part)), replace=False) for part in parts]
    shares = [np.full(len(d), len(p) / len(order) / len(d), np.float32) for d, p in zip(drawn, parts, strict=True)]
    pixels = np.stack(np.unravel_index(np.concatenate(drawn), surprisal.shape), axis=1)
    # On cells, where the map is worked out: between them, noise is averaged out.
    fine = features.finest
    last = np.array(fine.values.shape[:2]) - 1
    points = fine.origin_px + fine.step_px * np.clip(np.rint((pixels - fine.origin_px) / fine.step_px), 0, last)
    return Sample(
        points_px=points,
        features=features.at(points),
        shares=np.concatenate(shares),
        is_rare=np.arange(len(points)) >= len(drawn[0]),
    )


@dataclass(frozen=True, eq=False, kw_only=True)
class Examples:
    """What a `Lesson` leaves to be learned, whatever the size of its image.

    Attributes
    ----------
    positive, negative : features of what was clicked, shape (n, n_features).
    sample : of the places of the image; None where another lesson has to say what an ordinary place is.
    shares : of the sample's places, shape (n,): 0 near a positive click.
    source : what made the features.
    """

    positive: FloatArray
    negative: FloatArray
    sample: Sample | None
    shares: FloatArray
    source: str

    @property
    def n_features(self) -> int:
        """Of each place."""
        return int(self.positive.shape[1])


@dataclass(frozen=True, eq=False, kw_only=True)
class Lesson:
    """What was clicked on one image.

    Attributes
    ----------
    features : of the clicked image.
    sample : from `draw_sample`; None takes no ordinary places from this image.
    positives_px, negatives_px : clicks ``(y, x)`` as image indices.
    """

    features: FeatureStack
    sample: Sample | None
    positives_px: Sequence[YX] = ()
    negatives_px: Sequence[YX] = ()

    def examples(self) -> Examples:
        """What is learned from it, without the rest of the image.

        Raises
        ------
        InputError
            A click outside the image, a place that was clicked both ways, or clicks that leave no other place.
        """
        positives, negatives = (self._inside(points) for points in (self.positives_px, self.negatives_px))
        _check_apart(positives, negatives)
        shares = np.zeros(0, np.float32)
        if self.sample is not None:
            near_px = min(KEEP_AWAY_PX, min(self.features.image_shape) / 4)
            is_near = (_distances(self.sample.points_px, positives) <= near_px).any(axis=1)
            shares = np.where(is_near, np.float32(0), self.sample.shares)
            if not shares[~self.sample.is_rare].any():
                raise InputError("the clicks leave no background to compare with: use a larger image")
        return Examples(
            positive=self._around(positives),
            negative=self._around(negatives),
            sample=self.sample,
            shares=shares,
            source=self.features.source,
        )

    def _inside(self, points_px: Sequence[YX]) -> npt.NDArray[np.float64]:
        rows, cols = self.features.image_shape
        for y, x in points_px:
            if not (-0.5 <= y <= rows - 0.5 and -0.5 <= x <= cols - 0.5):
                raise InputError(f"click ({y:g}, {x:g}) lies outside the image of {rows} x {cols} px: click inside")
        return np.asarray(points_px, float).reshape(-1, 2)

    def _around(self, points_px: npt.NDArray[np.float64]) -> FloatArray:
        """Features of each click, averaged over nine places two pixels apart."""
        steps = JITTER_PX * np.stack(np.meshgrid([-1, 0, 1], [-1, 0, 1]), axis=-1).reshape(-1, 2)
        found = self.features.at((points_px[:, None] + steps).reshape(-1, 2))
        mean: FloatArray = found.reshape(len(points_px), len(steps), self.features.n_features).mean(axis=1)
        return mean


def _check_apart(positives: npt.NDArray[np.float64], negatives: npt.NDArray[np.float64]) -> None:
    both = (_distances(positives, negatives) < SAME_PLACE_PX).any(axis=1)
    if both.any():
        y, x = positives[both][0]
        raise InputError(f"a place near ({y:g}, {x:g}) was clicked as positive and as negative: keep one of them")


def _distances(first: npt.NDArray[np.float64], second: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    from scipy.spatial.distance import cdist

    distances: npt.NDArray[np.float64] = cdist(first, second)
    return distances
