"""The loop as it goes, on a terminal: what is being done and why, what frames said, and the books against their limits."""

from __future__ import annotations

import sys
from collections import deque
from types import TracebackType
from typing import Any, Self

from deepscan_core.acquisition.books import LedgerStatus
from deepscan_core.acquisition.status import RunState, RunStatus
from deepscan_core.judged import Judged
from deepscan_core.records.frames import ScanFrame
from deepscan_core.records.protocol import ScanStep

LINES = 8
WIDTH = 28
MARKS = {"confirmed": "[green]confirmed[/]", "rejected": "[dim]rejected[/]", "open": "[yellow]open[/]"}


class LoopDisplay:
    """A few lines on stderr that follow a run; silent where nobody watches.

    Parameters
    ----------
    title : of the run.
    steps : of the plan.
    console : of `rich`; stderr by default.
    """

    def __init__(self, title: str, *, steps: int, console: Any = None) -> None:
        from rich.console import Console

        self._console = console or Console(stderr=True)
        self._shows = console is not None or sys.stderr.isatty()
        self._live: Any = None
        self._title, self._steps = title, steps
        self._stage = ""
        self._done = 0
        self._lines: deque[tuple[int, str, str]] = deque(maxlen=LINES)
        self._books: LedgerStatus | None = None

    def __enter__(self) -> Self:
        if self._shows:
            from rich.live import Live

            self._live = Live(get_renderable=self._drawn, console=self._console, refresh_per_second=8)
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def planned(self, steps: int) -> None:
        """A plan is there."""
        self._steps = steps

    def stage(self, name: str) -> None:
        """Something else than a step begins."""
        self._stage = name

    def status(self, status: RunStatus) -> None:
        """See `Survey`."""
        if status.state is RunState.PAUSED:
            self._stage = f"paused: {status.reason}" if status.reason else "paused"
        elif status.step is not None:
            self._stage = _what(status.step)

    def frame(self, frame: ScanFrame) -> None:
        """See `Survey`."""
        if frame.step is not None:
            self._done += 1
            self._lines.append((frame.step.order, _short(frame.step.reason), ""))

    def judged(self, judged: Judged) -> None:
        """See `decider_for`."""
        words = f"{judged.evidence_nats:+.1f} nats, p {judged.probability:.2f}, {MARKS.get(judged.verdict, '')}"
        lines = ((order, reason, words if order == judged.order else said) for order, reason, said in self._lines)
        self._lines = deque(lines, maxlen=LINES)

    def ledger(self, status: LedgerStatus) -> None:
        """See `Survey`."""
        self._books = status

    def _drawn(self) -> Any:
        from rich.console import Group
        from rich.table import Table

        table = Table.grid(padding=(0, 2))
        for order, reason, said in self._lines:
            table.add_row(f"{order}", reason, said)
        head = f"[bold]{self._title}[/]  {self._done} recorded of {self._steps} planned  [cyan]{self._stage}[/]"
        return Group(head, table, *(self._bars() if self._books is not None else ()))

    def _bars(self) -> list[Any]:
        books = self._books
        if books is None:
            return []
        limits = books.limits
        rows = [
            ("time", books.time_s, limits.max_time_s, "s"),
            ("electrons", books.electrons, limits.max_total_electrons, ""),
            ("highest dose", books.highest_dose_e_per_nm2, limits.max_dose_e_per_nm2, "e/nm²"),
        ]
        return [_bar(name, spent, limit, unit) for name, spent, limit, unit in rows if spent is not None]


def _bar(name: str, spent: float, limit: float | None, unit: str) -> Any:
    from rich.progress_bar import ProgressBar
    from rich.table import Table

    row = Table.grid(padding=(0, 2))
    row.add_column(width=12)
    row.add_column(width=WIDTH)
    of = "no limit" if limit is None else f"of {limit:.4g} {unit}"
    drawn = ProgressBar(total=limit, completed=spent, width=WIDTH) if limit is not None else ""
    row.add_row(name, drawn, f"{spent:.4g} {unit} {of}")
    return row


def _what(step: ScanStep) -> str:
    if step.order < 0:
        return "measuring drift"
    return "overview" if step.order == 0 else f"step {step.order}"


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:59]}…"
