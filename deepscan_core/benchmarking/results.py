"""All readings of a run, and the tables made of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field, fields

from deepscan_core.benchmarking.meter import Reading
from deepscan_core.benchmarking.statistics import Mean, mean_of


@dataclass(frozen=True, kw_only=True)
class ResultRow:
    """One number; the columns of ``results.csv``.

    `budget` is empty for what belongs to the scene as a whole, `strategy` for what is true whoever looks at it.
    """

    suite: str
    kind: str
    scene: str
    strategy: str
    budget: float | None
    measure: str
    value: float


@dataclass(frozen=True, kw_only=True)
class SummaryRow:
    """A mean over the scenes of a suite; the columns of ``summary.csv``."""

    suite: str
    strategy: str
    budget: float | None
    measure: str
    scenes: int
    mean: float
    low: float | None
    high: float | None


@dataclass(frozen=True, kw_only=True)
class TimingRow:
    """How long a strategy thought about a scene; the columns of ``timings.csv``, which no two runs have in common.

    ``break_even_per_frame`` is the number of defects above which the raster wins, computing included; ``…_per_um2`` the
    same as a density, empty without a pixel size.
    """

    suite: str
    scene: str
    strategy: str
    compute_s: float
    compute_share: float
    break_even_per_frame: float | None
    break_even_per_um2: float | None


RESULT_COLUMNS = tuple(one.name for one in fields(ResultRow))
SUMMARY_COLUMNS = tuple(one.name for one in fields(SummaryRow))
TIMING_COLUMNS = tuple(one.name for one in fields(TimingRow))


@dataclass(kw_only=True)
class Results:
    """What a run has read so far."""

    rows: list[ResultRow] = field(default_factory=list)
    timings: list[TimingRow] = field(default_factory=list)

    def add(self, suite: str, kind: str, scene: str, strategy: str, readings: Iterable[Reading]) -> None:
        """Take down the readings of one strategy on one scene, to the digits that ``results.csv`` shows."""
        self.rows += [
            ResultRow(
                suite=suite,
                kind=kind,
                scene=scene,
                strategy=strategy,
                budget=reading.budget,
                measure=reading.measure,
                value=float(f"{reading.value:.8g}"),
            )
            for reading in readings
        ]

    def by_scene(self, suite: str, strategy: str, measure: str, budget: float | None = None) -> dict[str, float]:
        """One measure of one strategy on each scene that has it."""
        return {
            row.scene: row.value for row in self._of(suite, strategy) if row.measure == measure and row.budget == budget
        }

    def of_kind(self, kind: str) -> Results:
        """The readings of one kind of scene."""
        return Results(rows=[row for row in self.rows if row.kind == kind])

    def kinds(self, suite: str) -> list[str]:
        """Kinds of scene of a suite, in order."""
        return list(dict.fromkeys(row.kind for row in self.rows if row.suite == suite))

    def mean(self, suite: str, strategy: str, measure: str, budget: float | None = None) -> Mean | None:
        """The same averaged over scenes; None where there is none."""
        values = list(self.by_scene(suite, strategy, measure, budget).values())
        return mean_of(values) if values else None

    def lead(self, suite: str, strategy: str, other: str, measure: str, budget: float | None = None) -> Mean | None:
        """By how much one strategy exceeds another, on the scenes that both have seen."""
        mine, theirs = (self.by_scene(suite, name, measure, budget) for name in (strategy, other))
        both = [mine[scene] - theirs[scene] for scene in mine if scene in theirs]
        return mean_of(both) if both else None

    def timing(self, suite: str, strategy: str, value: Callable[[TimingRow], float | None]) -> Mean | None:
        """Mean of something in the timings."""
        rows = [row for row in self.timings if row.suite == suite and row.strategy == strategy]
        values = [found for found in map(value, rows) if found is not None]
        return mean_of(values) if values else None

    def suites(self) -> list[str]:
        """Suites that were tried, in order."""
        return list(dict.fromkeys(row.suite for row in self.rows))

    def strategies(self, suite: str) -> list[str]:
        """Strategies tried on a suite, in order."""
        return list(dict.fromkeys(row.strategy for row in self.rows if row.suite == suite))

    def scenes(self, suite: str) -> list[str]:
        """Scenes of a suite, in order."""
        return list(dict.fromkeys(row.scene for row in self.rows if row.suite == suite))

    def summary(self) -> list[SummaryRow]:
        """Means of everything."""
        groups: dict[tuple[str, str, float | None, str], list[float]] = {}
        for row in self.rows:
            groups.setdefault((row.suite, row.strategy, row.budget, row.measure), []).append(row.value)
        return [_summary_row(key, values) for key, values in groups.items()]

    def _of(self, suite: str, strategy: str) -> list[ResultRow]:
        if len(self.rows) != self._indexed:
            self._index = {}
            for row in self.rows:
                self._index.setdefault((row.suite, row.strategy), []).append(row)
            self._indexed = len(self.rows)
        return self._index.get((suite, strategy), [])

    _index: dict[tuple[str, str], list[ResultRow]] = field(default_factory=dict, repr=False)
    _indexed: int = field(default=0, repr=False)


def as_dicts(rows: Sequence[ResultRow | SummaryRow | TimingRow]) -> list[dict[str, object]]:
    """Rows under their column names."""
    return [asdict(row) for row in rows]


def _summary_row(key: tuple[str, str, float | None, str], values: list[float]) -> SummaryRow:
    suite, strategy, budget, measure = key
    found = mean_of(values)
    return SummaryRow(
        suite=suite,
        strategy=strategy,
        budget=budget,
        measure=measure,
        scenes=found.count,
        mean=found.value,
        low=found.low,
        high=found.high,
    )
