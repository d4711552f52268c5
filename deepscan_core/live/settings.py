"""How a live map is made, as the JSON that saved projects hold."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from deepscan_core.errors import InputError
from deepscan_core.features.backbones import DEFAULT_BACKBONE
from deepscan_core.records.coordinates import check_positive, check_seed
from deepscan_core.scoring.names import FUSED, check_scorer

DEFAULT_FALSE_REGIONS = 1.0


@dataclass(frozen=True, kw_only=True)
class MapSettings:
    """How a map is made.

    Attributes
    ----------
    backbone : of the features; "classical" needs no torch.
    seed : of everything drawn by chance.
    scorer : what surprisal looks at, a name of `deepscan_core.scoring.names`.
    scales : factors by which the image is resampled for the network, one pass each.
    area_fraction, expected_false_regions, false_share : rules for the regions that are measured, see `Study.regions`; all
        that are given are kept, and without any of them one false region is expected.
    region_size_px : side of those regions; None leaves it to the image's size.
    live : whether the map follows its image; else it rests as it is.
    """

    backbone: str = DEFAULT_BACKBONE
    seed: int = 0
    scorer: str = FUSED
    scales: tuple[float, ...] = (1.0,)
    area_fraction: float | None = None
    expected_false_regions: float | None = None
    false_share: float | None = None
    region_size_px: float | None = None
    live: bool = True

    def __post_init__(self) -> None:
        if not isinstance(self.backbone, str) or not self.backbone:
            raise InputError(f"backbone is {self.backbone!r}: give a name, e.g. {DEFAULT_BACKBONE!r} or 'classical'")
        check_seed(self.seed)
        check_scorer(self.scorer)
        object.__setattr__(self, "scales", _scales(self.scales))
        for name in ("area_fraction", "expected_false_regions", "false_share", "region_size_px"):
            if (value := getattr(self, name)) is not None:
                check_positive(name, value)
        if not isinstance(self.live, bool):
            raise InputError(f"live is {self.live!r}: give true or false")

    @classmethod
    def from_json(cls, text: str) -> MapSettings:
        """Read settings; an empty text takes the defaults.

        Raises
        ------
        InputError
            No JSON object, a key that is not known, or a value that cannot be used.
        """
        keys = [field.name for field in dataclasses.fields(cls)]
        try:
            values = json.loads(text or "{}")
        except ValueError:
            values = None
        if not isinstance(values, dict) or not values.keys() <= set(keys):
            raise InputError(f"settings {text!r}: give a JSON object with keys out of {', '.join(keys)}")
        return cls(**values)

    def to_json(self) -> str:
        """The settings as JSON text, without what was left open or is a matter of course."""
        values = dataclasses.asdict(self)
        if self.live:
            del values["live"]
        return json.dumps({key: value for key, value in values.items() if value is not None})

    def study_options(self) -> Mapping[str, Any]:
        """What a `Study` is made with."""
        return {"backbone": self.backbone, "seed": self.seed, "scorer": self.scorer, "scales": self.scales}

    def region_options(self) -> Mapping[str, Any]:
        """What `Study.regions` is asked for."""
        rules = {name: getattr(self, name) for name in ("area_fraction", "expected_false_regions", "false_share")}
        if not any(rules.values()):
            rules["expected_false_regions"] = DEFAULT_FALSE_REGIONS
        return {**rules, "region_size_px": self.region_size_px}


def _scales(scales: Any) -> tuple[float, ...]:
    if not isinstance(scales, list | tuple) or not scales:
        raise InputError(f"scales is {scales!r}: give a list of numbers above zero, e.g. [1.0, 0.5]")
    check_positive("scales", *scales)
    return tuple(float(scale) for scale in scales)
