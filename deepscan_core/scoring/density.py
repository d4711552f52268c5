"""How far is each patch from the bulk of an image's patches? Two densities besides the Isolation Forest of `rarity`.

Both look at the leading principal components of a patch's features.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from deepscan_core.records.maps import FeatureMap

Table = npt.NDArray[np.float32]
Scores = npt.NDArray[np.float64]

MOST_COMPONENTS = 60
BULK_SHARE = 0.9  # the farthest tenth does not shape the bulk
SHRINKAGE = 0.01  # of the mean variance, added to each (Ledoit and Wolf 2004 in its simplest form)
NEIGHBOURS = 5
MOST_IN_MEMORY = 1000
ROWS_AT_ONCE = 1 << 15


@dataclass(frozen=True, kw_only=True, eq=False)
class Basis:
    """Standardised columns of a table (n, n_features), and the principal components that they are turned onto.

    Attributes
    ----------
    varying : which columns are taken, shape (n_features,).
    mean, spread : of these, shape (n_varying,).
    directions : shape (n_varying, n_components).
    """

    varying: npt.NDArray[np.bool_]
    mean: Table
    spread: Table
    directions: Table

    def standardised(self, table: Table) -> Table:
        """The columns that vary, in units of their spread."""
        scaled: Table = (table[:, self.varying] - self.mean) / self.spread
        return scaled


@dataclass(frozen=True, kw_only=True, eq=False)
class Gaussian:
    """Mean and covariance of the bulk, shapes (n,) and (n, n).

    The covariance is shrunk a little towards a multiple of the identity before it is inverted.
    """

    mean: Table
    covariance: npt.NDArray[np.float64]

    def distances(self, table: Table) -> Scores:
        """Distance of each row from the mean in units of the covariance; all 0 where nothing varies."""
        mean_variance = float(np.trace(self.covariance)) / len(self.covariance)
        if not mean_variance > 0:
            return np.zeros(len(table))
        covariance = self.covariance + SHRINKAGE * mean_variance * np.eye(len(self.covariance))
        whitened = (table - self.mean) @ np.linalg.cholesky(np.linalg.inv(covariance)).astype(np.float32)
        distances: Scores = np.sqrt(np.einsum("ij,ij->i", whitened, whitened, dtype=np.float64))
        return distances


def mahalanobis(features: FeatureMap) -> Scores:
    """Distance of each patch from the mean of the bulk in units of its covariance, shape (grid_rows * grid_cols,).

    PaDiM (Defard and others 2021, doi:10.1007/978-3-030-68799-1_35) with one Gaussian for all places, since a micrograph
    has no fixed layout. Once fitted, the farthest tenth is left out and the Gaussian is fitted again.
    """
    table = leading_components(features.table())
    if table.shape[1] == 0:
        return np.zeros(len(table))
    return bulk_of(table, gaussian_of(table).distances(table)).distances(table)


def bulk_of(table: Table, distances: Scores) -> Gaussian:
    """The Gaussian of a table without its farthest tenth."""
    return gaussian_of(table[distances <= np.quantile(distances, BULK_SHARE)])


def gaussian_of(table: Table) -> Gaussian:
    """Mean and covariance of a table (n, n_components)."""
    return Gaussian(mean=table.mean(axis=0), covariance=np.atleast_2d(np.cov(table.T)).astype(np.float64))


def nearest_neighbours(features: FeatureMap, *, seed: int = 0) -> Scores:
    """Mean distance of each patch to its 5 nearest among 1,000 drawn at random, shape (grid_rows * grid_cols,).

    PatchCore (Roth and others 2022, doi:10.1109/CVPR52688.2022.01392) with the image as its own memory.
    """
    table = leading_components(features.table())
    drawn = np.random.default_rng(seed).permutation(len(table))[:MOST_IN_MEMORY]
    memory = table[drawn]
    neighbours = min(NEIGHBOURS, len(memory) - 1)
    if neighbours < 1:
        return np.zeros(len(table))
    position = np.full(len(table), -1)
    position[drawn] = np.arange(len(drawn))
    scores = np.empty(len(table))
    for start in range(0, len(table), ROWS_AT_ONCE):
        rows = slice(start, min(start + ROWS_AT_ONCE, len(table)))
        squares = _squared_distances(table[rows], memory)
        own = np.flatnonzero(position[rows] >= 0)
        squares[own, position[rows][own]] = np.inf  # nobody is a neighbour of itself
        nearest = np.partition(squares, neighbours - 1, axis=1)[:, :neighbours]
        scores[rows] = np.sqrt(np.maximum(nearest, 0).mean(axis=1))
    return scores


def leading_components(table: Table, most: int = MOST_COMPONENTS) -> Table:
    """Standardise the columns of a table (n, n_features) and turn it onto at most 60 principal components.

    Columns that do not vary are left out, so the result has 0 columns where all rows are equal.
    """
    scaled, basis = basis_of(table, most)
    turned: Table = scaled @ basis.directions
    return turned


def basis_of(table: Table, most: int = MOST_COMPONENTS) -> tuple[Table, Basis]:
    """The standardised columns of a table, and the directions of at most so many principal components of them."""
    unturned = _unturned(table)
    scaled = unturned.standardised(table)
    if scaled.shape[1] == 0:
        return scaled, unturned
    _, directions = np.linalg.eigh(scaled.T @ scaled / len(scaled))
    return scaled, replace(unturned, directions=directions[:, ::-1][:, : min(most, len(table))])


def standardised(table: Table) -> Table:
    """The columns of a table (n, n_features) with mean 0 and standard deviation 1, without those that do not vary."""
    return _unturned(table).standardised(table)


def _unturned(table: Table) -> Basis:
    spread = table.std(axis=0)
    varying = spread > 1e-6 * (np.abs(table).max(initial=0.0) or 1.0)
    mean = table[:, varying].mean(axis=0)
    return Basis(varying=varying, mean=mean, spread=spread[varying], directions=np.zeros((len(mean), 0), np.float32))


def _squared_distances(rows: Table, memory: Table) -> npt.NDArray[np.float32]:
    squares: npt.NDArray[np.float32] = (
        (rows**2).sum(axis=1)[:, None] + (memory**2).sum(axis=1)[None] - 2 * rows @ memory.T
    )
    return squares
