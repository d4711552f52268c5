"""Maps of the teacher that were made beside its computation, which then need not make them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from deepscan_core.live.clicks import Click
from deepscan_core.records.maps import ScoreMap

from . import outputs, shown
from .following import computation_of
from .names import TEACHER


@dataclass(frozen=True, eq=False, kw_only=True)
class MadeMap:
    """One map.

    Attributes
    ----------
    scores, data : the map, and the same as Swift's data.
    frame : the whole frame that it was made from, as Swift's data.
    """

    scores: ScoreMap
    data: Any
    frame: Any

    @classmethod
    def of(cls, scores: ScoreMap, frame: Any, *, clicks: Sequence[Click]) -> MadeMap:
        """What was learned from clicks, in a worker's thread."""
        return cls(scores=scores, data=outputs.taught_data(scores, frame, clicks), frame=frame)

    def show(self, document_model: Any, data_item: Any) -> None:
        """Hand it out in place of the computation, which has its inputs by now, in the user interface's thread."""
        from nion.swift import Facade

        model = computation_of(document_model, data_item, TEACHER)
        if model is None:
            return
        outputs.hand_out(Facade.Computation(model), "map", self.data, is_live=data_item.is_live)
        shown.note(model, self.frame, shown.present_texts(model))
        outputs.hand_to_overlays(model, self.scores.display_levels)
