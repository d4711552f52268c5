"""Worlds of which everything is known: tiles on a line, with or without something, and frames that say so, more or less."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from deepscan_core.acquisition.strategies import Candidate, Cost, Strategy
from deepscan_core.records.coordinates import ScanContext
from deepscan_core.records.frames import ScanFrame
from deepscan_core.records.protocol import ScanStep

CONTEXT = ScanContext(rows=1000, cols=1000, fov_y_nm=100, fov_x_nm=100, beam_current_pa=10)
OVERHEAD_S = 0.01


def tile(x_px: float, y_px: float = 500.0) -> ScanStep:
    return ScanStep(
        order=1, center_y_px=y_px, center_x_px=x_px, height_px=10, width_px=10, rows=20, cols=20, dwell_time_us=100
    )


def frame_of(step: ScanStep) -> ScanFrame:
    values = np.zeros((step.rows, step.cols), np.float32)
    return ScanFrame(values=values, channel="a", context=CONTEXT, step=step, dwell_time_us=step.dwell_time_us)


def seconds(step: ScanStep) -> float:
    return OVERHEAD_S + step.rows * step.cols * step.dwell_time_us * 1e-6


@dataclass
class World:
    """Something lies at some places; a frame there is worth `nats` at full dose, elsewhere as much against it."""

    there_px: set[float]
    nats: float = 20.0
    limit_s: float = float("inf")
    steps: list[ScanStep] = field(default_factory=list)

    @property
    def spent_s(self) -> float:
        return sum(seconds(step) for step in self.steps)

    def remaining(self) -> Cost:
        return Cost(time_s=self.limit_s - self.spent_s, electrons=float("inf"))

    def cost_of(self, step: ScanStep) -> Cost:
        return Cost(time_s=seconds(step), electrons=0.0)

    def judge(self, frame: ScanFrame) -> float:
        assert frame.step is not None
        share = frame.step.rows * frame.step.cols * frame.step.dwell_time_us / (20 * 20 * 100)
        return self.nats * share * (1 if frame.step.center_x_px in self.there_px else -1)

    def drive(self, strategy: Strategy) -> list[ScanStep]:
        step = next(strategy, None)
        while step is not None:
            self.steps.append(step)
            try:
                step = strategy.send(frame_of(step))
            except StopIteration:
                step = None
        return self.steps

    @property
    def tiles_px(self) -> list[float]:
        return [step.center_x_px for step in self.steps if step.dwell_time_us == 100 and step.rows == 20]


def candidates(chances: dict[float, float], features: dict[float, tuple[float, ...]] | None = None) -> list[Candidate]:
    return [
        Candidate(step=replace(tile(x), reason=f"{x:g}"), probability=p, features=(features or {}).get(x, ()))
        for x, p in chances.items()
    ]
