"""Why a place is like the clicks: which features raise a teacher's score there, and which click is nearest."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from deepscan_core.features import classical, statistics
from deepscan_core.records.coordinates import YX
from deepscan_core.records.regions import ScanRegion
from deepscan_core.records.stacks import FeatureStack
from deepscan_core.scoring.teacher import Teacher
from deepscan_core.scoring.teaching import residual

NEAREST = 3
UNPREDICTED = "what the rest does not predict"


@dataclass(frozen=True, kw_only=True)
class NearClick:
    """A positive click and how far a place is from it.

    Attributes
    ----------
    at_px : ``(y, x)``; None where the click was made on another image.
    distance : in the teacher's features, each in standard deviations of the bulk; two ordinary places are 1 apart.
    """

    at_px: YX | None
    distance: float


@dataclass(frozen=True, kw_only=True)
class Likeness:
    """Why a teacher finds a place alike.

    Attributes
    ----------
    label : what was looked for.
    at_px : pixel (row, column) of the region that is most alike.
    probability : there.
    score : there: 0 on average over the bulk, 1 over the positive clicks.
    contributions : of each group of features to that score, which is their sum, the largest first.
    nearest : positive clicks, the nearest first.
    """

    label: str
    at_px: tuple[int, int]
    probability: float
    score: float
    contributions: tuple[tuple[str, float], ...]
    nearest: tuple[NearClick, ...]

    def to_dict(self) -> dict[str, Any]:
        """For JSON, every component named."""
        return {
            "label": self.label,
            "peak_y_px": self.at_px[0],
            "peak_x_px": self.at_px[1],
            "probability": self.probability,
            "score": self.score,
            "contributions": dict(self.contributions),
            "nearest": [
                {
                    "center_y_px": None if one.at_px is None else one.at_px[0],
                    "center_x_px": None if one.at_px is None else one.at_px[1],
                    "distance": one.distance,
                }
                for one in self.nearest
            ],
        }

    def sentence(self) -> str:
        """The same in plain words."""
        most = [f"{name} ({part:.2f})" for name, part in self.contributions[:2] if part > 0]
        said = (
            f"It is {self.label} with a probability of {self.probability:.2f}: its score is {self.score:.2f}, where the "
            "bulk has 0 and the clicks have 1"
        )
        said += f", most of it from {' and '.join(most)}" if most else ""
        near = self.nearest[0]
        where = "of another image" if near.at_px is None else f"at y {near.at_px[0]:.0f}, x {near.at_px[1]:.0f} px"
        return f"{said}; the nearest click, {where}, is {near.distance:.2g} away (two ordinary places are 1 apart)."


def likeness_of(
    teacher: Teacher, features: FeatureStack, region: ScanRegion, positives_px: npt.NDArray[np.floating]
) -> Likeness:
    """Take a teacher's score apart at the place of a region that is most alike.

    Parameters
    ----------
    teacher : that has learned.
    features : of the image.
    region : inside the image.
    positives_px : the teacher's positive clicks on this image, before all others, shape (n, 2), ``(y, x)``.

    Notes
    -----
    The score is linear in the features, so each gives its weight times its distance from the bulk's mean, and nothing has
    to be approximated. Clicks were averaged over nine places, the region's place is one.
    """
    log_odds = features.finest.to_pixels(teacher.log_odds(features))
    inner = region.slices(features.image_shape)
    row, col = np.unravel_index(int(log_odds[inner].argmax()), log_odds[inner].shape)
    at_px = (inner[0].start + int(row), inner[1].start + int(col))
    own = features.at([at_px])[0]
    learned = teacher.learned_
    given = learned.weights * (own - learned.mean)
    names = feature_groups(features)
    parts = {name: float(given[[one == name for one in names]].sum()) for name in dict.fromkeys(names)}
    apart = learned.standardised(teacher.positive_) - learned.standardised(own)
    distances = np.sqrt((apart**2).mean(axis=1) / 2)
    places = [(float(y), float(x)) for y, x in positives_px]
    return Likeness(
        label=teacher.label_,
        at_px=at_px,
        probability=1 / (1 + math.exp(-float(log_odds[at_px]))),
        score=float(given.sum() + learned.bias + learned.weights @ learned.mean),
        contributions=tuple(sorted(parts.items(), key=lambda item: -item[1])),
        nearest=tuple(
            NearClick(at_px=places[k] if k < len(places) else None, distance=float(distances[k]))
            for k in np.argsort(distances, kind="stable")[:NEAREST].tolist()
        ),
    )


def feature_groups(features: FeatureStack) -> list[str]:
    """What each feature looks at, in words, by its number in the stack."""
    names: list[str] = []
    for one in features.maps:
        count = one.values.shape[2]
        if one.source == residual.NAME:
            names += [UNPREDICTED] * count
        elif one.source == statistics.NAME:
            names += statistics.LOOK_AT
        else:
            seen_by = "classical filters" if one.source == classical.NAME else "the network"
            names += [f"{seen_by} every {one.step_px:g} px"] * count
    return names
