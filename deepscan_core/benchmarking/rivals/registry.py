"""All rivals by name."""

from __future__ import annotations

from collections.abc import Mapping

from deepscan_core.benchmarking.rivals.anomalib_patchcore import anomalib_patchcore
from deepscan_core.benchmarking.rivals.base import Rival
from deepscan_core.benchmarking.rivals.described import described_pipeline
from deepscan_core.benchmarking.rivals.limits import ideal_observer, oracle
from deepscan_core.benchmarking.rivals.mahalanobis import mahalanobis
from deepscan_core.benchmarking.rivals.patchcore import patchcore
from deepscan_core.benchmarking.rivals.patterns import dot_grid, random_tiles, raster_tiles, speckle
from deepscan_core.benchmarking.rivals.plain import brightest, darkest, local_variance
from deepscan_core.benchmarking.rivals.product import deepscan
from deepscan_core.benchmarking.rivals.self_similarity import self_similarity_prototype
from deepscan_core.errors import InputError

_PATCHCORE = "Roth et al. 2022, doi:10.1109/CVPR52688.2022.01392"

_ALL = (
    Rival(name="raster", title="raster", source="the whole frame, row by row", regions=raster_tiles),
    Rival(name="random", title="random tiles", source="the raster's tiles in random order", regions=random_tiles),
    Rival(name="dot_grid", title="dot grid", source="tiles in the order of a Bayer (1973) dither", regions=dot_grid),
    Rival(name="speckle", title="speckle", source="a map of white noise", score=speckle),
    Rival(name="local_variance", title="local variance", source="variance in a square of 9 px", score=local_variance),
    Rival(name="brightest", title="brightest", source="brightness, Gaussian filter of 2 px", score=brightest),
    Rival(name="darkest", title="darkest", source="darkness, Gaussian filter of 2 px", score=darkest),
    Rival(
        name="described_pipeline",
        title="originally described pipeline",
        source="patches of 32 and 64 px magnified to 224, ImageNet network, PCA-50, Isolation Forest",
        score=described_pipeline,
        slow=True,
    ),
    Rival(name="patchcore", title="PatchCore on one image", source=_PATCHCORE, score=patchcore),
    Rival(
        name="mahalanobis",
        title="PaDiM on one image",
        source="Defard et al. 2021, doi:10.1007/978-3-030-68799-1_35",
        score=mahalanobis,
    ),
    Rival(
        name="self_similarity_prototype",
        title="self-similarity prototype",
        source="each pixel against the centres of the patches most like its own",
        score=self_similarity_prototype,
    ),
    Rival(
        name="ideal_observer",
        title="ideal observer",
        source="Barrett & Myers, Foundations of Image Science, 2004",
        score=ideal_observer,
        needs_truth=True,
        needs_specimen=True,
    ),
    Rival(name="oracle", title="oracle", source="squares over the truth", regions=oracle, needs_truth=True),
    Rival(name="deepscan", title="DeepScan", source="Study.surprisal()", score=deepscan),
    Rival(
        name="anomalib_patchcore",
        title="PatchCore of anomalib",
        source=_PATCHCORE,
        score=anomalib_patchcore,
        slow=True,
        package="anomalib",
        extra="rivals",
    ),
)

RIVALS: Mapping[str, Rival] = {one.name: one for one in _ALL}


def rival(name: str) -> Rival:
    """A rival by its name; raises `InputError` that lists the names."""
    if name not in RIVALS:
        raise InputError(f"rival {name!r} is not known: give one of {', '.join(RIVALS)}")
    return RIVALS[name]
