"""Strategies decide the next step from the frames that came back.

A strategy is a generator that yields a `ScanStep` and is sent the `ScanFrame` it led to. `follow` ignores what it is
sent; the others look at it, through a callable that says how much a frame speaks for or against something being there.
"""

from deepscan_core.acquisition.strategies.budget import UNLIMITED, Budget, Cost
from deepscan_core.acquisition.strategies.candidates import Candidate, Judge, cheap_look, narrow_look
from deepscan_core.acquisition.strategies.exploring import Exploration, Learner, explore
from deepscan_core.acquisition.strategies.following import Strategy, follow, frame_of
from deepscan_core.acquisition.strategies.magnifying import coarse_to_fine, quarters
from deepscan_core.acquisition.strategies.refining import refine
from deepscan_core.acquisition.strategies.sequential import Verdicts

__all__ = [
    "UNLIMITED",
    "Budget",
    "Candidate",
    "Cost",
    "Exploration",
    "Judge",
    "Learner",
    "Strategy",
    "Verdicts",
    "cheap_look",
    "coarse_to_fine",
    "explore",
    "follow",
    "frame_of",
    "narrow_look",
    "quarters",
    "refine",
]
