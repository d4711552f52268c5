"""The Isolation Forest: how easily is each patch told apart from all patches of the same image?

PCA to a few dimensions, then an Isolation Forest (Liu, Ting and Zhou 2008, doi:10.1109/ICDM.2008.17): rare patches
are separated from the rest by few random cuts. Half of the trees cut along principal components, half along directions
turned at random against them (in the manner of the extended forest of Hariri, Carrasco Kind and Brunner 2019,
doi:10.1109/TKDE.2019.2947676): something rare that lies along one component is missed by most cuts along the others.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from deepscan_core.records.maps import FeatureMap
from deepscan_core.scoring.density import standardised

# The original asks for at most 50. From 24 on more components find no more planted spots and defects, within the scatter
# between seeds, and take more time (benchmarks/components.py).
MOST_COMPONENTS = 24
N_TREES = 40  # in both halves; path lengths converge well before the customary 100 (Liu et al., section 5.2)
SAMPLES_A_TREE = 256
BORDER_REACH_PX = 112.0  # on perfect crystals the edge is felt this far (benchmarks/border.py)
RING_QUANTILE = 0.75  # a ring has few places, and one spot may take a tenth of them
MOST_PATCHES_FOR_PCA = 2048


def rarity(features: FeatureMap, *, seed: int = 0) -> npt.NDArray[np.float64]:
    """Isolation score of each patch, shape (grid_rows * grid_cols,); higher is rarer, in (0, 1)."""
    from scipy import stats

    reduced = principal_components(features.table(), seed=seed)
    n_components = reduced.shape[1]
    if n_components == 0:  # all patches are the same
        return np.full(len(reduced), 0.5)
    if n_components == 1:
        return _isolation(reduced, N_TREES, seed)
    turn = stats.ortho_group.rvs(n_components, random_state=seed).astype(np.float32)
    return (_isolation(reduced, N_TREES // 2, seed) + _isolation(reduced @ turn, N_TREES // 2, seed + 1)) / 2


def _isolation(table: npt.NDArray[np.float32], n_trees: int, seed: int) -> npt.NDArray[np.float64]:
    from sklearn.ensemble import IsolationForest

    forest = IsolationForest(n_estimators=n_trees, max_samples=min(SAMPLES_A_TREE, len(table)), random_state=seed)
    # scikit-learn's score is lower for the rarer: this is the one place where the sign is turned.
    isolation: npt.NDArray[np.float64] = -forest.fit(table).score_samples(table)
    return isolation


def principal_components(table: npt.NDArray[np.float32], *, seed: int = 0) -> npt.NDArray[np.float32]:
    """Standardise the columns of a table (n, n_features) and keep at most 24 principal components.

    Columns that do not vary are left out; so the result has 0 columns where all rows are equal.
    """
    from sklearn.decomposition import PCA

    scaled = standardised(table)
    n_components = min(MOST_COMPONENTS, *scaled.shape)
    if n_components == 0:
        return np.zeros((len(table), 0), np.float32)
    learned_from = scaled
    if len(scaled) > MOST_PATCHES_FOR_PCA:
        learned_from = np.random.default_rng(seed).choice(scaled, MOST_PATCHES_FOR_PCA, replace=False)
    # A full decomposition would take half of the time of the whole map; the leading components do not need it.
    pca = PCA(n_components=n_components, svd_solver="randomized", iterated_power=3, random_state=seed).fit(learned_from)
    reduced: npt.NDArray[np.float32] = pca.transform(scaled).astype(np.float32)
    return reduced


def level_border(scores: npt.NDArray[np.float64], n_rings: int) -> npt.NDArray[np.float64]:
    """Bring the outermost rings of a grid of scores to the centre and spread of its inside.

    Near the edge a network sees the made-up border beside the image, which makes every place there a little rare. What
    all places at one distance from the edge have in common is taken away; a place that is rare among those stays rare.

    Parameters
    ----------
    scores : ndarray of shape (grid_rows, grid_cols).
    n_rings : how far the edge reaches; at most a quarter of the shorter side, so that an inside is left.

    Notes
    -----
    Something that runs along the whole edge of an image is taken for the edge.
    """
    rows, cols = scores.shape
    n_rings = min(n_rings, min(rows, cols) // 4)
    y, x = np.ogrid[:rows, :cols]
    distance = np.minimum(np.minimum(y, rows - 1 - y), np.minimum(x, cols - 1 - x))
    middle, high = np.quantile(scores[distance >= n_rings], [0.5, RING_QUANTILE])
    levelled = scores.copy()
    for ring in range(n_rings):
        here = distance == ring
        ring_middle, ring_high = np.quantile(scores[here], [0.5, RING_QUANTILE])
        shrink = min(1.0, (high - middle) / (ring_high - ring_middle)) if ring_high > ring_middle else 1.0
        levelled[here] = middle + (scores[here] - ring_middle) * shrink
    return levelled
