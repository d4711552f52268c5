"""``deepscan benchmark``: what fraction of known defects each strategy captures, for all that it costs."""

from __future__ import annotations

import argparse
import os
import platform
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from deepscan_core.benchmarking import page, verdicts
from deepscan_core.benchmarking.figures import suite_png
from deepscan_core.benchmarking.results import RESULT_COLUMNS, SUMMARY_COLUMNS, TIMING_COLUMNS, Results, as_dicts
from deepscan_core.benchmarking.rivals import RIVALS, Rival, rival
from deepscan_core.benchmarking.run import run, tasks_of, titles
from deepscan_core.benchmarking.suites import SUITES, Plan, suites
from deepscan_core.cli import sparse
from deepscan_core.cli.arguments import say
from deepscan_core.cli.progress import stages
from deepscan_core.errors import InputError, MissingError
from deepscan_core.reporting import artifacts
from deepscan_core.reporting.versions import versions

RESULTS, SUMMARY, TIMINGS, PAGE = "results.csv", "summary.csv", "timings.csv", "benchmark.md"
SPARSE = "sparse"  # beside the suites of `SUITES`, and not among those that run by default
USUAL_DATA = Path("..") / "shared" / "data"


def command(arguments: argparse.Namespace) -> int:
    """Run the benchmark and write its files."""
    if SPARSE in arguments.suite:
        return _sparse(arguments)
    chosen = suites(arguments.suite)
    rivals, left_out = _rivals(arguments.rival)
    plan = Plan(quick=arguments.quick, seeds=_seeds(arguments.seeds), data=_data(arguments.data))
    names = (RESULTS, SUMMARY, TIMINGS, PAGE, *(page.figure_name(suite) for suite in SUITES))
    artifacts.check_free(arguments.out, overwrite=arguments.overwrite, names=names)
    tasks = tasks_of(chosen, plan)
    notes = [f"{one.title} was left out: it needs pip install 'nionswift-deepscan[{one.extra}]'" for one in left_out]
    if plan.data is None and any(suite.name == "real" for suite in chosen):
        notes.append(f"real micrographs were left out: there is no {USUAL_DATA}, and no --data was given")
    if not tasks:
        raise InputError("; ".join(notes) or "nothing was chosen: give another --suite")
    begun = time.perf_counter()
    with stages(len(tasks), "benchmark") as advance, artifacts.staged(arguments.out) as staging:
        results = run(tasks, rivals, advance=advance)
        origin = page.Origin(
            command=_typed(arguments),
            machine=_machine(),
            versions=versions(),
            seconds=time.perf_counter() - begun,
            notes=tuple(notes),
        )
        _write(staging, results, rivals, origin)
    _report(arguments, results, origin)
    return 0


def _sparse(arguments: argparse.Namespace) -> int:
    """Its frames, its strategies and its page are others than those of all other suites."""
    if arguments.suite != [SPARSE] or arguments.rival or arguments.data:
        raise InputError(f"--suite {SPARSE} has strategies of its own: give it alone, without --rival and --data")

    def origin(seconds: float) -> page.Origin:
        return page.Origin(command=_typed(arguments), machine=_machine(), versions=versions(), seconds=seconds)

    rows = sparse.run(
        arguments.out,
        quick=arguments.quick,
        seeds=_seeds(arguments.seeds),
        overwrite=arguments.overwrite,
        origin=origin,
    )
    scenes = len({(row.suite, row.kind, row.seed, row.px_per_defect) for row in rows})
    if arguments.json:
        say(artifacts.to_json({"out": str(arguments.out), "scenes": scenes}).rstrip())
    else:
        say(f"  {scenes} frames")
        say(f"  {arguments.out / sparse.PAGE}")
    return 0


def _write(directory: Path, results: Results, rivals: Sequence[Rival], origin: page.Origin) -> None:
    tables: tuple[tuple[str, Sequence[str], Sequence[Any]], ...] = (
        (RESULTS, RESULT_COLUMNS, results.rows),
        (SUMMARY, SUMMARY_COLUMNS, results.summary()),
        (TIMINGS, TIMING_COLUMNS, results.timings),
    )
    for name, columns, rows in tables:
        artifacts.write_text(directory / name, artifacts.table_csv(columns, as_dicts(rows)))
    names = titles({one.name: one for one in rivals})
    limits = frozenset(one.name for one in rivals if one.needs_truth)
    for suite in results.suites():
        if page.has_figure(results, suite):
            png = suite_png(results, suite, names, limits, SUITES[suite].title)
            (directory / page.figure_name(suite)).write_bytes(png)
    artifacts.write_text(directory / PAGE, page.benchmark_page(results, rivals, origin))


def _report(arguments: argparse.Namespace, results: Results, origin: page.Origin) -> None:
    if arguments.json:
        facts = {
            "out": str(arguments.out),
            "seconds": origin.seconds,
            "scenes": sum(len(results.scenes(suite)) for suite in results.suites()),
            "notes": list(origin.notes),
            "captured_at_5_percent": {
                suite: {
                    name: mean.value
                    for name in results.strategies(suite)
                    if (mean := results.mean(suite, name, "captured", 0.05)) is not None
                }
                for suite in results.suites()
            },
        }
        say(artifacts.to_json(facts).rstrip())
        return
    for line in verdicts.headlines(results, titles(), frozenset(r.name for r in RIVALS.values() if r.needs_truth)):
        say(line)
    for note in origin.notes:
        say(f"  note: {note}")
    say(f"  {arguments.out / PAGE}")


def _rivals(names: Sequence[str]) -> tuple[list[Rival], list[Rival]]:
    """Those to try, and those that are not installed; a rival that was asked for by name must be."""
    if not names:
        return [r for r in RIVALS.values() if r.is_installed], [r for r in RIVALS.values() if not r.is_installed]
    wanted = [rival(name) for name in dict.fromkeys(names)]
    for one in wanted:
        if not one.is_installed:
            raise MissingError(f"rival {one.name!r} needs a package: pip install 'nionswift-deepscan[{one.extra}]'")
    return wanted, []


def _seeds(count: int | None) -> int | None:
    if count is not None and count < 1:
        raise InputError(f"--seeds is {count}: give a whole number of at least 1")
    return count


def _data(given: Path | None) -> Path | None:
    if given is not None and not given.is_dir():
        raise InputError(f"{given} is not a folder: give the one with the real micrographs with --data")
    return given or (USUAL_DATA if USUAL_DATA.is_dir() else None)


def _typed(arguments: argparse.Namespace) -> str:
    """The command without what only says where to put its result."""
    words = ["deepscan benchmark"]
    words += ["--quick"] if arguments.quick else []
    words += [f"--suite {name}" for name in arguments.suite]
    words += [f"--rival {name}" for name in arguments.rival]
    words += [f"--seeds {arguments.seeds}"] if arguments.seeds else []
    return " ".join(words)


def _machine() -> str:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{_processor()}, {cores} cores, {platform.system()}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:  # not Linux
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
