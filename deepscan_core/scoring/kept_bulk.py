"""The bulk of patches that one frame of a view leaves to the next.

Kept are the standardisation, the principal components and the Gaussian of ordinary patches. They still hold where the new
patches lie as far from the bulk, and as far from the space of the components, as the former did. Then the Gaussian is
averaged with that of the new frame, without its farthest tenth: what stays in view does not become ordinary.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from deepscan_core.records.maps import FeatureMap
from deepscan_core.scoring.density import Basis, Gaussian, Scores, Table, basis_of, bulk_of, gaussian_of

TOLERANCE = 0.2  # of the squares of distances
QUANTILES = (0.5, 0.9)
MOST_BEYOND = 0.1  # of all variance that the components may hold less than they did
FARTHEST = 3.0  # from the space of the components, in units of the farthest patch so far
LEAST_FAR = 0.1  # of a patch's mean squared distance from the middle: nearer to that space, all are alike
SHARE = 0.25  # of the new frame in the running mean
MOST_FRAMES = 32  # with the same components


@dataclass(frozen=True, kw_only=True, eq=False)
class KeptBulk:
    """Ordinary patches.

    Attributes
    ----------
    shape, source : of the features: those of another network cannot be compared.
    basis, gaussian : see `density`.
    squares : of the distances from the bulk, their quantiles.
    beyond : share of the variance that is outside the space of the components, and the farthest patch from it, squared.
    frames : for how many the basis has held.
    """

    shape: tuple[int, ...]
    source: str
    basis: Basis
    gaussian: Gaussian
    squares: npt.NDArray[np.float64]
    beyond: tuple[float, float]
    frames: int = 1


def next_bulk(kept: KeptBulk | None, features: FeatureMap) -> tuple[Scores, KeptBulk | None]:
    """Distance of each patch from the bulk, see `density.mahalanobis`, and what is left to the next frame.

    Parameters
    ----------
    kept : from the frame before, None where there was none.
    features : of the new frame.
    """
    table = features.table()
    if kept is not None and (kept.shape, kept.source) == (features.values.shape, features.source):
        followed = _followed(kept, table)
        if followed is not None:
            return followed
    scaled, basis = basis_of(table)
    turned = scaled @ basis.directions
    if turned.shape[1] == 0:
        return np.zeros(len(turned)), None
    gaussian = bulk_of(turned, gaussian_of(turned).distances(turned))
    distances = gaussian.distances(turned)
    return distances, KeptBulk(
        shape=features.values.shape,
        source=features.source,
        basis=basis,
        gaussian=gaussian,
        squares=_quantiles(distances**2),
        beyond=_beyond(scaled, turned),
    )


def _followed(kept: KeptBulk, table: Table) -> tuple[Scores, KeptBulk] | None:
    """The same by what was kept; None where that does not hold any more."""
    if kept.frames >= MOST_FRAMES:
        return None
    scaled = kept.basis.standardised(table)
    turned = scaled @ kept.basis.directions
    distances = kept.gaussian.distances(turned)
    share, farthest = _beyond(scaled, turned)
    differs = (np.abs(_quantiles(distances**2) - kept.squares) > TOLERANCE * kept.squares).any()
    if differs or share > kept.beyond[0] + MOST_BEYOND or farthest > FARTHEST * kept.beyond[1]:
        return None
    new = bulk_of(turned, distances)
    mixed = Gaussian(
        mean=kept.gaussian.mean + np.float32(SHARE) * (new.mean - kept.gaussian.mean),
        covariance=kept.gaussian.covariance + SHARE * (new.covariance - kept.gaussian.covariance),
    )
    return distances, replace(kept, gaussian=mixed, frames=kept.frames + 1)


def _quantiles(squares: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    found: npt.NDArray[np.float64] = np.quantile(squares.astype(np.float64), QUANTILES)
    return found


def _beyond(scaled: Table, turned: Table) -> tuple[float, float]:
    """Share of the variance outside the space of the components, and the farthest patch from it, squared."""
    all_, held = (np.einsum("ij,ij->i", table, table) for table in (scaled, turned))
    return float(1 - held.sum() / max(all_.sum(), 1e-12)), max(
        float((all_ - held).max()), LEAST_FAR * float(all_.mean())
    )
