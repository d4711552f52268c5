"""The safety envelope: soft limits of a laboratory, narrower than what an instrument can do.

They are asked in the dry run, and again before each step is sent, also of steps that a strategy has just thought of.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self

from deepscan_core.acquisition.stages import offset_nm
from deepscan_core.errors import InputError, ProtocolError, UnsupportedStep
from deepscan_core.files import read_file
from deepscan_core.records.coordinates import ScanContext, check_count, check_positive
from deepscan_core.records.protocol import ScanProtocol, ScanStep

STAGE = "stage"
LARGEST_FILE_BYTES = 100_000
_TOLERANCE = 1e-6


@dataclass(frozen=True, kw_only=True)
class Envelope:
    """Soft limits; the defaults forbid stage moves and nothing else.

    Attributes
    ----------
    controls : names of the parameters that a run may write, of those that `ScanController.parameters` gives; None allows
        all of these. Names that begin with ``stage`` are allowed by `stage_moves` alone.
    stage_moves : the stage may be moved, for steps beyond the scan range.
    stage_range_nm : how far from where the run found it.
    shortest_dwell_us, longest_dwell_us : of a step.
    smallest_fov_nm, largest_fov_nm : of the sides of a step.
    most_samples : along a side of a step.
    most_steps : of a plan.
    """

    controls: frozenset[str] | None = None
    stage_moves: bool = False
    stage_range_nm: float = 10_000.0
    shortest_dwell_us: float = 0.0
    longest_dwell_us: float = math.inf
    smallest_fov_nm: float = 0.0
    largest_fov_nm: float = math.inf
    most_samples: int | None = None
    most_steps: int | None = None

    def __post_init__(self) -> None:
        for low, high in (("shortest_dwell_us", "longest_dwell_us"), ("smallest_fov_nm", "largest_fov_nm")):
            lowest, highest = getattr(self, low), getattr(self, high)
            if not 0 <= lowest <= highest:
                raise InputError(f"{low} is {lowest!r} and {high} {highest!r}: give 0 <= {low} <= {high}")
        check_positive("stage_range_nm", self.stage_range_nm)
        for name in ("most_samples", "most_steps"):
            if getattr(self, name) is not None:
                check_count(name, getattr(self, name))

    def violations(
        self, protocol: ScanProtocol, parameters: Mapping[str, Any]
    ) -> Iterator[ProtocolError | UnsupportedStep]:
        """All about a plan that the envelope forbids.

        Parameters
        ----------
        protocol : calibrated; without calibration sizes are not looked at.
        parameters : of the instrument: what a run would put back at its end.
        """
        for name in sorted(parameters):
            if not self.allows(name):
                why = (
                    "stage moves are not allowed" if name.startswith(STAGE) else "it is not among the allowed controls"
                )
                yield UnsupportedStep(f"a run would write {name}: {why} (envelope)")
        if self.most_steps is not None and len(protocol.steps) > self.most_steps:
            yield ProtocolError(f"the plan has {len(protocol.steps)} steps: the envelope allows {self.most_steps}")
        for step in protocol.steps:
            yield from self.step_violations(step, protocol.context)

    def step_violations(self, step: ScanStep, context: ScanContext) -> Iterator[UnsupportedStep]:
        """All about a step of a context that the envelope forbids."""
        if self.stage_moves and context.is_calibrated and step.center_y_nm is not None:
            yield from self._beyond_range(step, context)
        lowest, highest = self.shortest_dwell_us * (1 - _TOLERANCE), self.longest_dwell_us * (1 + _TOLERANCE)
        if not lowest <= step.dwell_time_us <= highest:
            yield UnsupportedStep(
                f"step {step.order} dwells {step.dwell_time_us:g} µs: the envelope allows {self.shortest_dwell_us:g} to "
                f"{self.longest_dwell_us:g} µs"
            )
        sides_nm = [side for side in (step.height_nm, step.width_nm) if side is not None]
        lowest, highest = self.smallest_fov_nm * (1 - _TOLERANCE), self.largest_fov_nm * (1 + _TOLERANCE)
        if not all(lowest <= side <= highest for side in sides_nm):
            yield UnsupportedStep(
                f"step {step.order} is {' x '.join(f'{side:g}' for side in sides_nm)} nm: the envelope allows sides of "
                f"{self.smallest_fov_nm:g} to {self.largest_fov_nm:g} nm"
            )
        if self.most_samples is not None and max(step.rows, step.cols) > self.most_samples:
            yield UnsupportedStep(
                f"step {step.order} has {step.rows} x {step.cols} samples: the envelope allows {self.most_samples} a side"
            )

    def _beyond_range(self, step: ScanStep, context: ScanContext) -> Iterator[UnsupportedStep]:
        far_nm = math.hypot(*offset_nm(step, context))
        if far_nm > self.stage_range_nm:
            yield UnsupportedStep(
                f"step {step.order} needs a stage move of {far_nm:.4g} nm: the envelope allows {self.stage_range_nm:g} nm"
            )

    def allows(self, control: str) -> bool:
        """Whether a run may write a parameter."""
        if control.startswith(STAGE):
            return self.stage_moves
        return self.controls is None or control in self.controls

    @classmethod
    def from_file(cls, path: Path) -> Self:
        """An envelope from a TOML file with names and values as here; raises `InputError`, also for an unknown name."""
        content = read_file(path, "give a readable envelope file", largest_bytes=LARGEST_FILE_BYTES)
        try:
            values = tomllib.loads(content.decode("utf-8-sig"))
        except (ValueError, RecursionError) as error:  # tomllib's own error is a ValueError
            raise InputError(f"{path}: is not TOML ({error}): write lines such as longest_dwell_us = 20") from None
        for name, value in values.items():
            _check_value(path, name, value)
        if "controls" in values:
            values["controls"] = frozenset(values["controls"])
        try:
            return cls(**values)
        except InputError as error:
            raise InputError(f"{path}: {error}") from None


def _check_value(path: Path, name: str, value: Any) -> None:
    known = [field.name for field in fields(Envelope)]
    if name not in known:
        raise InputError(f"{path}: the key {name!r} is not known: give one of {', '.join(known)}")
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    good, wanted = is_number, "a number"
    if name == "controls":
        good, wanted = isinstance(value, list) and all(isinstance(one, str) for one in value), "a list of names"
    elif name == "stage_moves":
        good, wanted = isinstance(value, bool), "true or false"
    elif name.startswith("most_"):
        good, wanted = is_number and isinstance(value, int), "a whole number"
    if not good:
        raise InputError(f"{path}: {name} is {value!r}: give {wanted}")
