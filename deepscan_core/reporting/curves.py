"""The efficiency curve: what share of what matters was captured for what share of the dose."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from deepscan_core.errors import InputError
from deepscan_core.reporting.drawing import nice_ticks
from deepscan_core.reporting.wording import MISSING, percent

STYLES = 6  # colours and dashes are the page's: classes c0 to c5
WIDTH, HEIGHT = 640.0, 320.0
LEFT, TOP, RIGHT, BOTTOM = 58.0, 14.0, 606.0, 268.0


@dataclass(frozen=True, kw_only=True)
class Curve:
    """One strategy: its name, the SVG path and its end in the plot's units, and the number of its line style."""

    strategy: str
    path: str
    end: tuple[float, float]
    style: int


@dataclass(frozen=True, kw_only=True)
class EfficiencyPlot:
    """Everything the template needs to draw the curves: ``(position, label)`` of the ticks, and the curves."""

    curves: tuple[Curve, ...]
    x_label: str
    x_ticks: tuple[tuple[float, str], ...]
    y_ticks: tuple[tuple[float, str], ...]
    basis: str


def efficiency_plot(rows: Sequence[Mapping[str, Any]]) -> EfficiencyPlot | None:
    """Captured fraction over dose fraction, a step for each strategy; None where no row states what was captured.

    Where the dose of some row is not known, all are drawn over the area fraction.
    """
    key, x_label = _axis(rows)
    points_of: dict[str, list[tuple[float, float]]] = {}
    for row in rows:
        spent, captured = value(row, key), value(row, "captured_fraction")
        if spent is not None and captured is not None:
            points_of.setdefault(_name(row), []).append((spent, captured))
    if not points_of:
        return None
    end = max(1e-9, *(spent for points in points_of.values() for spent, _ in points))
    x_end = 1.0 if 0.5 < end <= 1 else max(nice_ticks(0, 1.25 * end)[-1], end)
    return EfficiencyPlot(
        curves=tuple(_curve(name, sorted(points_of[name]), x_end, k) for k, name in enumerate(points_of)),
        x_label=x_label,
        x_ticks=tuple((_x(tick, x_end), percent(tick)) for tick in nice_ticks(0, x_end)),
        y_ticks=tuple((_y(tick), percent(tick)) for tick in (0.0, 0.25, 0.5, 0.75, 1.0)),
        basis=", ".join(sorted({str(row.get("basis") or "") for row in rows} - {""})),
    )


@dataclass(frozen=True, kw_only=True)
class EfficiencyEnd:
    """What a strategy came to at its largest dose: fractions, seconds, and on what basis `captured` is stated."""

    strategy: str
    area: float | None
    dose: float | None
    time_s: float | None
    captured: float | None
    basis: str


def efficiency_ends(rows: Sequence[Mapping[str, Any]]) -> tuple[EfficiencyEnd, ...]:
    """The end of each strategy, in order of first appearance."""
    key, _ = _axis(rows)
    ends = []
    for strategy, members in by_strategy(rows).items():
        last = max(members, key=lambda row: value(row, key) or 0.0)
        ends.append(
            EfficiencyEnd(
                strategy=strategy,
                area=value(last, "area_fraction"),
                dose=value(last, "dose_fraction"),
                time_s=value(last, "time_s"),
                captured=value(last, "captured_fraction"),
                basis=str(last.get("basis") or ""),
            )
        )
    return tuple(ends)


def by_strategy(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    """The rows of each strategy, in order of first appearance."""
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        groups.setdefault(_name(row), []).append(row)
    return groups


def value(row: Mapping[str, Any], key: str) -> float | None:
    """A number of a row; None where it is absent, empty or not finite."""
    raw = row.get(key)
    if raw is None or raw == "":
        return None
    try:
        number = float(raw)
    except (TypeError, ValueError):
        raise InputError(f"{key} of the efficiency is {raw!r}: give a number or leave it empty") from None
    return number if math.isfinite(number) else None


def _axis(rows: Sequence[Mapping[str, Any]]) -> tuple[str, str]:
    """The column that says what was spent, and its name on the axis."""
    if all(value(row, "dose_fraction") is not None for row in rows):
        return ("dose_fraction", "dose fraction")
    return ("area_fraction", "area fraction")


def _name(row: Mapping[str, Any]) -> str:
    return str(row.get("strategy") or MISSING)


def _curve(strategy: str, points: Sequence[tuple[float, float]], x_end: float, index: int) -> Curve:
    spent, captured = points[-1]
    path = _step_path(points, x_end)
    return Curve(strategy=strategy, path=path, end=(_x(spent, x_end), _y(captured)), style=index % STYLES)


def _x(fraction: float, end: float) -> float:
    return round(LEFT + (RIGHT - LEFT) * fraction / end, 2)


def _y(fraction: float) -> float:
    return round(BOTTOM - (BOTTOM - TOP) * fraction, 2)


def _step_path(points: Sequence[tuple[float, float]], x_end: float) -> str:
    """An SVG path from the origin that rises where a frame is finished."""
    parts = [f"M{_x(0, x_end)} {_y(0)}"]
    for spent, captured in points:
        parts.append(f"H{_x(min(spent, x_end), x_end)}V{_y(captured)}")
    return "".join(parts)
