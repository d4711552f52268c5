"""The surprisal of `surprisal_map` taken apart again: how many nats of it each part gives.

The parts are added as powers, ``total = (sum of part ** POWER) ** (1 / POWER)``, and the total becomes nats. Each part gets
the share ``part ** POWER / total ** POWER``. That is its Aumann-Shapley value: what it adds along the straight way from no
part at all to the parts as they are (integrated gradients: Sundararajan and others 2017, arXiv:1703.01365), which for a sum
of powers has this closed form. Of spots, fine spots and lines only the largest counts, and gets the share of all three.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from deepscan_core.records.noise import KnownNoise
from deepscan_core.scoring.calibration import Bulk, PlaceTail
from deepscan_core.scoring.character import spot_sigmas
from deepscan_core.scoring.filters import doubled, lines, signed_spots
from deepscan_core.scoring.names import FUSED, MAHALANOBIS, SELF_SIMILARITY, SPOTS, check_scorer
from deepscan_core.scoring.one_sign import one_sign_surprisal
from deepscan_core.scoring.self_similarity import Residual
from deepscan_core.scoring.structure import Structure
from deepscan_core.scoring.support import point_sigmas
from deepscan_core.scoring.surprisal import (
    DENSITIES,
    FINE_SPOT_PX,
    PATCHES_WEIGHT,
    POWER,
    SPOT_PX,
    Features,
    brightness_around,
    density_map,
    many_points,
)

FloatImage = npt.NDArray[np.float32]
PartName = Literal["spots", "fine spots", "lines", "patches", "brightness"]
IN_NATS = PlaceTail(scale=1.0, shape=1.0, more_places_nats=0.0)
UNPREDICTED: tuple[PartName, ...] = ("spots", "fine spots", "lines")  # of which the largest counts


@dataclass(frozen=True, kw_only=True, eq=False)
class Parts:
    """An image's surprisal in parts.

    Attributes
    ----------
    structure : how the image repeats.
    predicted : of each pixel by the rest of the image, comparable with ``structure.smooth``, shape (rows, cols).
    sigmas : the difference in robust standard deviations, signed, of the same shape.
    spot_sigmas : the same averaged over a spot, see `character.spot_sigmas`.
    signed : the residual as spots, fine spots and brightness, before its sign was dropped; those of `excesses`.
    bulks : of the scores that each part is made of.
    excesses : each part as it enters the sum of powers, shape (rows, cols), at least 0.
    tail : that turns the total into nats.
    points_nats : surprisal of many points of one sign, where the image has them, shape (rows, cols); it counts alone where
        it is more than all parts together.
    """

    structure: Structure
    predicted: FloatImage
    sigmas: FloatImage
    spot_sigmas: FloatImage
    signed: Mapping[PartName, FloatImage]
    bulks: Mapping[PartName, Bulk]
    excesses: Mapping[PartName, FloatImage]
    tail: PlaceTail
    points_nats: FloatImage | None = None

    def arrays(self) -> Iterator[FloatImage]:
        """All that is held."""
        yield from (self.structure.smooth, self.structure.periodicity, self.predicted, self.sigmas, self.spot_sigmas)
        yield from (*self.signed.values(), *self.excesses.values())
        if self.points_nats is not None:
            yield self.points_nats

    def contributions_nats(self, at_px: tuple[int, int]) -> dict[PartName, float]:
        """What each part gives at a pixel (row, column); their sum is the surprisal there."""
        values = {name: float(excess[at_px]) for name, excess in self.excesses.items()}
        largest = max((name for name in UNPREDICTED if name in values), key=lambda name: values[name], default=None)
        powers = {name: v**POWER if name == largest or name not in UNPREDICTED else 0.0 for name, v in values.items()}
        if not any(powers.values()):
            powers = dict.fromkeys(values, 1.0)
        nats = float(self.nats({name: excess[*at_px, None] for name, excess in self.excesses.items()})[0])
        if self.points_nats is not None and float(self.points_nats[at_px]) > nats:
            return {name: float(self.points_nats[at_px]) if name == "spots" else 0.0 for name in values}
        total = sum(powers.values())
        return {name: nats * power / total for name, power in powers.items()}

    def nats(self, excesses: Mapping[PartName, npt.NDArray[np.float32]]) -> FloatImage:
        """Surprisal of parts as they enter the sum of powers, arrays of any one shape."""
        return self.tail.nats(total_of(excesses))


def total_of(excesses: Mapping[PartName, npt.NDArray[np.float32]]) -> FloatImage:
    """All parts together, before that becomes nats; arrays of any one shape."""
    unpredicted = [excesses[name] for name in UNPREDICTED if name in excesses]
    terms = [excess for name, excess in excesses.items() if name not in UNPREDICTED]
    if unpredicted:
        terms.append(np.maximum.reduce(unpredicted))
    if len(terms) == 1:
        return np.asarray(terms[0], np.float32)
    powers = np.sum([term**POWER for term in terms], axis=0, dtype=np.float32)
    return np.asarray(powers ** np.float32(1 / POWER), np.float32)


def parts_of(
    scaled: npt.NDArray[np.float32],
    features: Features,
    *,
    scorer: str = FUSED,
    seed: int = 0,
    known_noise: KnownNoise | None = None,
    residual: Residual | None = None,
) -> Parts:
    """Take a surprisal apart; for the parameters and what is raised see `surprisal.surprisal_map`.

    Notes
    -----
    Takes about as long as the map, and keeps up to 52 bytes a pixel.
    """
    check_scorer(scorer)
    residual = residual or Residual(scaled, known_noise)
    structure, sigmas = residual.structure(), residual.sigmas()
    signed: dict[PartName, FloatImage] = {}
    bulks: dict[PartName, Bulk] = {}
    periodicity = float(structure.periodicity.mean())
    if scorer in DENSITIES:
        excesses: dict[PartName, FloatImage] = {"patches": density_map(features(), scorer, seed)}
        periodicity = 0.0
    elif scorer == SPOTS:
        excesses = {"spots": one_sign_surprisal(point_sigmas(residual))}
    else:
        excesses = _unpredicted(structure, sigmas, signed, bulks)
        if scorer != SELF_SIMILARITY and (structure.periodicity < 1).any():
            excesses |= _unusual(structure, features, signed, bulks)
    points = many_points(residual) if scorer == FUSED else None
    return Parts(
        structure=structure,
        predicted=residual.predicted(),
        sigmas=sigmas,
        spot_sigmas=spot_sigmas(sigmas),
        signed=signed,
        bulks=bulks,
        excesses=excesses,
        tail=IN_NATS if scorer == SPOTS else PlaceTail.of(total_of(excesses), periodicity=periodicity),
        points_nats=None if points is None else points.nats,
    )


def _unpredicted(
    structure: Structure, sigmas: FloatImage, signed: dict[PartName, FloatImage], bulks: dict[PartName, Bulk]
) -> dict[PartName, FloatImage]:
    """What `surprisal` takes the largest of; fills in `signed` and `bulks`."""
    texture = 1 - structure.periodicity
    signed["spots"] = signed_spots(sigmas, SPOT_PX)
    sizes: dict[PartName, FloatImage] = {"spots": np.abs(signed["spots"])}
    if texture.any():
        signed["fine spots"] = signed_spots(sigmas, FINE_SPOT_PX)
        sizes |= {"fine spots": np.abs(signed["fine spots"]), "lines": lines(sigmas)}
    bulks |= {name: Bulk.of(size) for name, size in sizes.items()}
    found = {name: bulks[name].excess(size) for name, size in sizes.items()}
    return {name: excess if name == "spots" else texture * excess for name, excess in found.items()}


def _unusual(
    structure: Structure, features: Features, signed: dict[PartName, FloatImage], bulks: dict[PartName, Bulk]
) -> dict[PartName, FloatImage]:
    """What counts where an image is no crystal; fills in `signed` and `bulks`."""
    share = (1 - structure.periodicity) ** np.float32(1 / POWER)
    around = brightness_around(structure.scaled)
    bulks["brightness"] = Bulk.of(np.abs(around))
    signed["brightness"] = doubled(around, structure.scaled.shape)
    return {
        "brightness": share * bulks["brightness"].excess(np.abs(signed["brightness"])),
        "patches": share * np.float32(PATCHES_WEIGHT) * density_map(features(), MAHALANOBIS),
    }
