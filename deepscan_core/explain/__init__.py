"""Why here: what is odd about a region, in numbers, pictures and plain words."""

from deepscan_core.explain.grounds import Grounds
from deepscan_core.explain.records import Explanation

__all__ = ["Explanation", "Grounds"]
