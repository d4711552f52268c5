"""What surprisal can look at, by name; apart from the code, so that naming it loads nothing."""

from __future__ import annotations

from deepscan_core.errors import InputError

FUSED, SELF_SIMILARITY, SPOTS = "surprisal", "self_similarity", "spots"
MAHALANOBIS, NEAREST_NEIGHBOURS, ISOLATION_FOREST = "mahalanobis", "nearest_neighbours", "isolation_forest"
SCORERS = (FUSED, SELF_SIMILARITY, SPOTS, MAHALANOBIS, NEAREST_NEIGHBOURS, ISOLATION_FOREST)


def check_scorer(scorer: str) -> None:
    """Raise `InputError` that lists the names for a scorer that is not known."""
    if scorer not in SCORERS:
        raise InputError(f"scorer {scorer!r} is not known: give one of {', '.join(SCORERS)}")
