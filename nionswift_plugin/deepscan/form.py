"""What a person filled in, as one value that a project keeps."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import Any, Literal, get_args

from deepscan_core.acquisition.strategy_names import STRATEGIES
from deepscan_core.errors import InputError
from deepscan_core.records.coordinates import YX

Mode = Literal["surprise", "teach", "words"]
Threshold = Literal["area", "false_regions", "false_share"]
MODES: tuple[Mode, ...] = get_args(Mode)
THRESHOLDS: tuple[Threshold, ...] = get_args(Threshold)

PROPERTY = "deepscan_form"  # of a display item, saved with the project


@dataclass(frozen=True, kw_only=True)
class Form:
    """How to look, what to plan, and how to run it.

    Attributes
    ----------
    mode : what the map shows: what is rare, what is like the clicks, or what the words say.
    query : the words.
    backbone : network of the features; None takes the usual one.
    scales : factors by which the image is resampled for it.
    threshold : which of the next three rules counts.
    area_percent : share of the image that may be planned.
    false_regions : so many regions are found on average where nothing is; for surprise.
    false_percent : share of the regions that may be false, however many there are; for surprise.
    region_px : side of the regions; None leaves it to the planner.
    density : samples a pixel of the live image, along each axis.
    dwell_time_us : of every sample; None leaves it to the planner.
    max_dose_e_per_nm2, max_time_s, max_total_electrons : hard limits: dose of any one place, time and electrons of a run.
    strategy : how a run goes about the plan, a name of `deepscan_core.acquisition.strategy_names`.
    beyond_plan : explore may also expose places off the plan that look like what its frames confirmed.
    drift_allowed_nm : drift is followed, and known this well before a region is scanned; None does not correct it.
    park_fraction : where the beam rests between regions, ``(y, x)``; None blanks it.
    beam_as_before : after a run live view and beam are as they were before; else the beam stays at rest.
    ask_first : the first exposure of a plan is confirmed.
    """

    mode: Mode = "surprise"
    query: str = ""
    backbone: str | None = None
    scales: tuple[float, ...] = (1.0,)
    threshold: Threshold = "area"
    area_percent: float = 10.0
    false_regions: float = 1.0
    false_percent: float = 30.0
    region_px: int | None = None
    density: float = 2.0
    dwell_time_us: float | None = 8.0
    max_dose_e_per_nm2: float | None = None
    max_time_s: float | None = None
    max_total_electrons: float | None = None
    strategy: str = STRATEGIES[0]
    beyond_plan: bool = False
    drift_allowed_nm: float | None = None
    park_fraction: YX | None = None
    beam_as_before: bool = True
    ask_first: bool = True

    def __post_init__(self) -> None:
        for name, known in (("mode", MODES), ("threshold", THRESHOLDS), ("strategy", STRATEGIES)):
            if getattr(self, name) not in known:
                raise InputError(f"{name} is {getattr(self, name)!r}: give one of {', '.join(known)}")
        if self.threshold != "area" and self.mode != "surprise":
            raise InputError(
                "only surprise knows how many regions are false by chance: choose Area %, or mode Surprise"
            )

    def rule(self) -> dict[str, float]:
        """The threshold as arguments of `Study.regions`."""
        if self.threshold == "false_regions":
            return {"expected_false_regions": self.false_regions}
        if self.threshold == "false_share":
            return {"false_share": self.false_percent / 100}
        return {"area_fraction": self.area_percent / 100}


def form_to_json(form: Form) -> str:
    """A form as JSON text."""
    return json.dumps(dataclasses.asdict(form))


def form_from_json(text: str) -> Form:
    """The inverse; raises `ValueError` or `TypeError` where it is of another version."""
    values = json.loads(text)
    pairs = {name: tuple(values[name]) for name in ("scales", "park_fraction") if values.get(name) is not None}
    return Form(**{**values, **pairs})


def remember(display_item: Any, form: Form) -> None:
    """Keep what was filled in with a display, and so with its project."""
    text = form_to_json(form)
    if display_item.get_display_property(PROPERTY) != text:
        display_item.set_display_property(PROPERTY, text)


def recall(display_item: Any) -> Form | None:
    """What was filled in when the project was saved; None where nothing was, or where it is of another version."""
    text = display_item.get_display_property(PROPERTY)
    try:
        return form_from_json(text) if text else None
    except (ValueError, TypeError):
        return None
