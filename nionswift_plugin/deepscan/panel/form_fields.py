"""The fields of the panel that make up a form."""

from __future__ import annotations

from typing import Any

from nion.utils import Model

from deepscan_core.acquisition.strategy_names import STRATEGIES

from ..form import MODES, THRESHOLDS, Form, Threshold
from .fields import as_text, number, numbers, pair

AMOUNTS: dict[Threshold, str] = {
    "area": "area_percent",
    "false_regions": "false_regions",
    "false_share": "false_percent",
}


def _text() -> Any:
    return Model.PropertyModel[str]("")


class FormFields:
    """Text, choices and ticks, and the form that they mean.

    Parameters
    ----------
    mode_names, threshold_names, strategy_names : what the lists show, in the order of `MODES`, `THRESHOLDS`, `STRATEGIES`.
    """

    def __init__(
        self, mode_names: tuple[str, ...], threshold_names: tuple[str, ...], strategy_names: tuple[str, ...]
    ) -> None:
        self.modes: Any = Model.PropertyModel(list(mode_names))
        self.thresholds: Any = Model.PropertyModel(list(threshold_names))
        self.mode: Any = Model.PropertyModel[int](0)
        self.threshold: Any = Model.PropertyModel[int](0)
        self.query, self.backbone, self.scales = _text(), _text(), _text()
        self.amount, self.region, self.density, self.dwell = _text(), _text(), _text(), _text()
        self.max_dose, self.max_time, self.max_electrons, self.park = _text(), _text(), _text(), _text()
        self.strategies: Any = Model.PropertyModel(list(strategy_names))
        self.strategy: Any = Model.PropertyModel[int](0)
        self.drift = _text()
        self.beyond_plan: Any = Model.PropertyModel[bool](False)
        self.ask_first: Any = Model.PropertyModel[bool](True)
        self.beam_as_before: Any = Model.PropertyModel[bool](True)
        self._form = Form()
        self.fill_in(self._form)

    def fill_in(self, form: Form) -> None:
        """Show a form."""
        self._form = form
        self.mode.value, self.threshold.value = MODES.index(form.mode), THRESHOLDS.index(form.threshold)
        self.query.value, self.backbone.value = form.query, form.backbone or ""
        self.scales.value = " ".join(f"{scale:g}" for scale in form.scales)
        self.show_amount()
        self.region.value, self.density.value = as_text(form.region_px), as_text(form.density)
        self.dwell.value, self.park.value = as_text(form.dwell_time_us), as_text(form.park_fraction)
        self.max_dose.value, self.max_time.value = as_text(form.max_dose_e_per_nm2), as_text(form.max_time_s)
        self.max_electrons.value = as_text(form.max_total_electrons)
        self.strategy.value = STRATEGIES.index(form.strategy)
        self.drift.value, self.beyond_plan.value = as_text(form.drift_allowed_nm), form.beyond_plan
        self.ask_first.value, self.beam_as_before.value = form.ask_first, form.beam_as_before

    def show_amount(self) -> None:
        """Show how much the chosen threshold was last."""
        self.amount.value = as_text(getattr(self._form, AMOUNTS[THRESHOLDS[self.threshold.value]]))

    def read(self) -> Form:
        """What is filled in; raises `InputError` in words."""
        threshold = THRESHOLDS[self.threshold.value]
        amounts = {name: getattr(self._form, name) for name in AMOUNTS.values()}
        amount = number("threshold", self.amount.value)
        if amount is not None:
            amounts[AMOUNTS[threshold]] = amount
        region_px = number("region", self.region.value)
        self._form = Form(
            **amounts,
            mode=MODES[self.mode.value],
            query=(self.query.value or "").strip(),
            backbone=(self.backbone.value or "").strip() or None,
            scales=numbers("scales", self.scales.value) or Form().scales,
            threshold=threshold,
            region_px=None if region_px is None else round(region_px),
            density=number("density", self.density.value) or Form().density,
            dwell_time_us=number("dwell", self.dwell.value),
            max_dose_e_per_nm2=number("dose limit", self.max_dose.value),
            max_time_s=number("time limit", self.max_time.value),
            max_total_electrons=number("electron limit", self.max_electrons.value),
            strategy=STRATEGIES[self.strategy.value],
            beyond_plan=bool(self.beyond_plan.value),
            drift_allowed_nm=number("drift", self.drift.value),
            park_fraction=pair("park", self.park.value),
            ask_first=bool(self.ask_first.value),
            beam_as_before=bool(self.beam_as_before.value),
        )
        return self._form
