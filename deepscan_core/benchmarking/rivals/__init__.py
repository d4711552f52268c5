"""Who DeepScan is measured against, by name."""

from deepscan_core.benchmarking.rivals.base import Map, Rectangle, Rival
from deepscan_core.benchmarking.rivals.registry import RIVALS, rival

__all__ = ["Map", "RIVALS", "Rectangle", "Rival", "rival"]
