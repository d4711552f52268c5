"""What decides which region is next: nobody where the plan is followed, else a strategy, perhaps with drift."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deepscan_core.acquisition.strategy_names import STRATEGIES
from deepscan_core.records.frames import ScanFrame

from ..form import Form

if TYPE_CHECKING:
    from deepscan_core.acquisition.deciding import Decider

    from .planning import Plan

FOLLOW, EXPLORE = STRATEGIES[0], "explore"


def strategy_of(plan: Plan, form: Form) -> Decider | None:
    """What decides which region is next; None where the plan is followed."""
    if form.strategy == FOLLOW and form.drift_allowed_nm is None:
        return None
    from deepscan_core.acquisition.drift import DriftSettings
    from deepscan_core.deciders import DeciderSettings, decider_for

    preview = None  # then the strategy begins with an overview of its own, as drift needs one on the clock of the run
    if plan.dwell_time_us is not None and form.drift_allowed_nm is None:
        preview = ScanFrame(
            values=plan.image.array,
            channel="",
            context=plan.protocol.context,
            step=None,
            dwell_time_us=plan.dwell_time_us,
        )
    drift = None if form.drift_allowed_nm is None else DriftSettings(allowed_nm=form.drift_allowed_nm)
    settings = DeciderSettings(
        strategy=form.strategy,
        drift=drift,
        beyond_plan=form.beyond_plan and form.strategy == EXPLORE,
        backbone=plan.question.settings.backbone,
        overview_dwell_us=plan.dwell_time_us or DeciderSettings().overview_dwell_us,
    )
    return decider_for(plan.protocol, settings, preview=preview, score_map=plan.score_map)
