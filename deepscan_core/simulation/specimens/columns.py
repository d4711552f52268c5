"""Sums of very many narrow Gaussians at arbitrary positions, quickly."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
REACH_SIGMAS = 4.2  # a Gaussian has fallen to 1.5e-4 of its peak
CELLS_A_REACH = 1.5  # cells of the index a reach: fine cells list few columns each, but each column more often
MOST_CELLS = 4_000_000


@dataclass(frozen=True, kw_only=True, eq=False)
class Columns:
    """Gaussian columns of one width.

    Attributes
    ----------
    y_nm, x_nm : places, shape (n,).
    peaks : what each adds at its middle, shape (n,).
    spreads : standard deviation of that peak over columns alike, shape (n,).
    sites : number of the site in the cell, -1 for what is not of the crystal, shape (n,).
    sigma_nm : width.
    """

    y_nm: FloatArray
    x_nm: FloatArray
    peaks: FloatArray
    spreads: FloatArray
    sites: IntArray
    sigma_nm: float

    def __len__(self) -> int:
        """How many columns there are."""
        return len(self.y_nm)

    @property
    def reach_nm(self) -> float:
        """Beyond this a column adds nothing."""
        return REACH_SIGMAS * self.sigma_nm

    def total(self, y_nm: FloatArray, x_nm: FloatArray) -> FloatArray:
        """Sum of all columns at positions, in their broadcast shape."""
        y_nm, x_nm = np.broadcast_arrays(np.asarray(y_nm, float), np.asarray(x_nm, float))
        total = np.zeros(y_nm.size)
        if len(self) and total.size:
            for samples, columns, values in self._terms(y_nm.ravel(), x_nm.ravel()):
                total[samples] += self.peaks[columns] * values
        return total.reshape(y_nm.shape)

    def modes(self, y_nm: FloatArray, x_nm: FloatArray) -> Any:
        """What one standard deviation of each column's spread adds at each position.

        A sparse array of shape (samples, n): each column reaches few of the samples.
        """
        from scipy import sparse

        y_nm, x_nm = np.ravel(y_nm), np.ravel(x_nm)
        shape = (len(y_nm), len(self))
        if not (len(self) and y_nm.size):
            return sparse.csc_array(shape)
        rows, cols, values = [], [], []
        for samples, columns, near in self._terms(y_nm, x_nm):
            rows.append(samples)
            cols.append(columns)
            values.append(self.spreads[columns] * near)
        indices = (np.concatenate(rows), np.concatenate(cols))
        return sparse.csc_array((np.concatenate(values), indices), shape=shape)

    def of_site(self, site: int) -> Columns:
        """Those that stand on one site of the cell, with their spread as their peaks."""
        keep = self.sites == site
        return Columns(
            y_nm=self.y_nm[keep],
            x_nm=self.x_nm[keep],
            peaks=self.spreads[keep],
            spreads=self.spreads[keep],
            sites=self.sites[keep],
            sigma_nm=self.sigma_nm,
        )

    def _terms(self, y_nm: FloatArray, x_nm: FloatArray) -> Iterator[tuple[IntArray, IntArray, FloatArray]]:
        """Samples, a column near each, and the Gaussian of their distance; each pair comes once."""
        low_y, low_x = float(y_nm.min()), float(x_nm.min())
        span_y, span_x = float(np.ptp(y_nm)), float(np.ptp(x_nm))
        side = max(self.reach_nm / CELLS_A_REACH, (span_y * span_x / MOST_CELLS) ** 0.5, max(span_y, span_x) / 20_000)
        rows, cols = int(span_y / side) + 1, int(span_x / side) + 1
        starts, counts, listed = self._index(low_y, low_x, side, rows, cols)
        cell = np.floor((y_nm - low_y) / side).astype(np.int64) * cols + np.floor((x_nm - low_x) / side).astype(
            np.int64
        )
        # samples in the order of how many columns are near, so that each round takes the first so many of them
        order = np.argsort(-counts[cell], kind="stable")
        y_nm, x_nm, cell = y_nm[order], x_nm[order], cell[order]
        start, near = starts[cell], counts[cell]
        sharpness = -0.5 / self.sigma_nm**2
        for slot in range(int(near[0])):
            some = int(np.searchsorted(-near, -slot, side="left"))
            column = listed[start[:some] + slot]
            away = (y_nm[:some] - self.y_nm[column]) ** 2
            away += (x_nm[:some] - self.x_nm[column]) ** 2
            away *= sharpness
            yield order[:some], column, np.exp(away, out=away)

    def _index(
        self, low_y: float, low_x: float, side: float, rows: int, cols: int
    ) -> tuple[IntArray, IntArray, IntArray]:
        """For each cell where its columns begin in a list, and how many they are: all that reach into it."""
        reach = self.reach_nm / side
        v, u = (self.y_nm - low_y) / side, (self.x_nm - low_x) / side
        most = int(np.ceil(reach)) + 1
        cells, members = [], []
        home_v, home_u = np.floor(v).astype(np.int64), np.floor(u).astype(np.int64)
        for i in range(-most, most + 1):
            for j in range(-most, most + 1):
                row, col = home_v + i, home_u + j
                # distance from the column to the nearest place of that cell
                away_v = np.maximum(np.maximum(row - v, v - row - 1), 0)
                away_u = np.maximum(np.maximum(col - u, u - col - 1), 0)
                here = (away_v**2 + away_u**2 < reach**2) & (row >= 0) & (row < rows) & (col >= 0) & (col < cols)
                cells.append((row * cols + col)[here])
                members.append(np.flatnonzero(here))
        cell, member = np.concatenate(cells), np.concatenate(members)
        order = np.argsort(cell, kind="stable")
        counts = np.bincount(cell, minlength=rows * cols)
        return np.cumsum(counts) - counts, counts, member[order]
