"""What DeepScan costs Swift while the scan runs: stalls of the event loop, its own time in the user interface, frame rate.

    python benchmarks/swift_responsiveness.py [--backbone NAME] [--seconds 20] [--turns 3] [--images 12] [--json]
    python benchmarks/swift_responsiveness.py --read first.json second.json   # the table of several runs together

Real Swift on the simulated microscope, on a virtual display, 512 x 512 samples at 4 µs, with a project of a dozen images as
after some work, since Swift draws its list of them anew many times a frame (``--images 0`` begins with none). Swift alone,
Swift with DeepScan attached, and with a teacher take turns in the same run, each time in another order, so that whatever
else the computer does, and whatever Swift keeps over time, meets all of them.

- stalls: a task of Swift's event loop sleeps 5 ms again and again; what it oversleeps is noted. Counts of all turns are
  taken together, with the 95 % interval of a Poisson count; and the chance of so many more than alone, were both equal.
- DeepScan's own time: every function of the plug-in that runs in the user interface's thread, the outermost ones only.
- frame rate: electrons that were delivered, in whole frames.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import functools
import inspect
import json
import os
import statistics
import sys
import threading
import time
from pathlib import Path

import numpy as np
from in_swift import DWELL_US, PANEL_ID, SIDE_PX, begin, click, give_back, measured, slow_down_scan, until

PACKAGE = "nionswift_plugin.deepscan."
NAP_S, STALL_MS = 0.005, 50.0
SETTLE_S = 5.0
ALONE, ATTACHED, TEACHER = "Swift alone", "DeepScan attached", "with a teacher"
MODES = (ALONE, ATTACHED, TEACHER)
FIGURES = {
    "stall_p99_ms": ("oversleep of the event loop, 99th percentile, ms", statistics.median),
    "stall_largest_ms": ("oversleep of the event loop, largest, ms", max),
    "own_p99_ms": ("DeepScan in the user interface, 99th percentile, ms", statistics.median),
    "own_largest_ms": ("DeepScan in the user interface, largest, ms", max),
    "own_share": ("share of the user interface's time in DeepScan", statistics.median),
    "frames_per_s": ("frames a second", statistics.median),
    "maps_per_s": ("maps a second", statistics.median),
    "cores": ("processor cores busy", statistics.median),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backbone", default="tf_efficientnet_lite0")
    parser.add_argument("--seconds", type=float, default=20.0, help="of each mode in each turn")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--images", type=int, default=12, help="that the project holds already; Swift lists them")
    parser.add_argument("--json", action="store_true", help="print all turns as JSON instead of a table")
    parser.add_argument("--read", nargs="+", type=Path, default=[], help="measure nothing, read what --json printed")
    options = parser.parse_args()
    turns = [turn for path in options.read for turn in json.loads(path.read_text(encoding="utf-8"))]
    if not options.read:
        patience_s = 60 + options.turns * len(MODES) * (options.seconds + SETTLE_S + 60)
        settings = {"seconds": options.seconds, "turns": options.turns, "images": options.images}
        turns = measured(__file__, settings, backbone=options.backbone, patience_s=patience_s)
    if not turns:
        return 3
    print(json.dumps(turns, indent=2) if options.json else table(turns))
    return 0


def table(turns: list[dict]) -> str:
    """Figures of all turns, and their ratio to Swift alone."""
    spent_s = {mode: sum(turn[mode]["seconds"] for turn in turns) for mode in MODES}
    head = f"{len(turns)} turns, " + ", ".join(f"{mode} {spent_s[mode]:.0f} s" for mode in MODES)
    lines = [head, "", "| | " + " | ".join(MODES) + " |", "|---" * (len(MODES) + 1) + "|"]
    lines.append("| stalls over 50 ms a minute | " + " | ".join(stalls(turns, spent_s, mode) for mode in MODES) + " |")
    for key, (words, together) in FIGURES.items():
        alone = together([turn[ALONE][key] for turn in turns])
        cells = []
        for mode in MODES:
            value = together([turn[mode][key] for turn in turns])
            cells.append(f"{value:.3g}" + (f", x {value / alone:.2f}" if alone and mode != ALONE else ""))
        lines.append(f"| {words} | " + " | ".join(cells) + " |")
    longest = {}
    for mode in [mode for turn in turns for mode in turn.values()]:
        longest |= {name: max(ms, longest.get(name, 0.0)) for name, ms in mode["own_by_function_ms"].items()}
    told = ", ".join(f"{name} {ms:.3g} ms" for name, ms in sorted(longest.items(), key=lambda pair: -pair[1])[:5])
    return "\n".join([*lines, "", f"Longest stays in DeepScan: {told or 'none'}."])


def stalls(turns: list[dict], spent_s: dict[str, float], mode: str) -> str:
    """Stalls a minute, their interval, and how surprising the difference from Swift alone is."""
    from scipy import stats

    count, alone = (sum(turn[one]["stalls"] for turn in turns) for one in (mode, ALONE))
    a_minute = 60 / spent_s[mode]
    low = stats.chi2.ppf(0.025, 2 * count) / 2 if count else 0.0
    high = stats.chi2.ppf(0.975, 2 * (count + 1)) / 2
    cell = f"{count * a_minute:.3g} ({low * a_minute:.3g} to {high * a_minute:.3g})"
    if mode == ALONE:
        return cell
    share = spent_s[mode] / (spent_s[mode] + spent_s[ALONE])
    return f"{cell}, p {stats.binom.sf(count - 1, count + alone, share):.2f}"


# What follows runs inside Swift: `deepscan swift --script` executes this file and calls `script_main` by the name `main`.


async def script_main(window) -> None:
    from nionswift_plugin.deepscan.mapping import warming

    settings = begin()
    panel = window.find_dock_panel(PANEL_ID).handler
    clock = OwnTime()
    slow_down_scan()
    fill(window.document_model, settings["images"])
    # networks are loaded once: seconds of work that belong to no mode
    await until(lambda: not any(thread.name == warming.THREAD for thread in threading.enumerate()), timeout_s=180)
    turns: list[dict] = []
    for number in range(settings["turns"]):
        turn = {}
        first = number % len(MODES)
        for mode in MODES[first:] + MODES[:first]:
            await enter(mode, window, panel)
            await asyncio.sleep(SETTLE_S)
            turn[mode] = await observe(settings["seconds"], clock)
        turns.append(turn)
    give_back(turns)
    window.queue_request_close()


def fill(document_model, count: int) -> None:
    """Images in the project, as after half an hour of work; Swift lists them."""
    from nion.swift.model import DataItem

    rng = np.random.default_rng(0)
    for number in range(count):
        item = DataItem.new_data_item(rng.normal(size=(SIDE_PX, SIDE_PX)).astype(np.float32))
        item.title = f"Image {number + 1}"
        document_model.append_data_item(item)


async def enter(mode: str, window, panel) -> None:
    """Bring Swift into a mode, from any other."""
    detach(window, panel)
    if mode == ALONE:
        return
    panel.attach()
    panel.mode.value = 0  # surprise, whatever was kept with the image
    panel.chosen()
    show(window, panel)
    await until(lambda: panel.session.map_item.has_data)
    if mode == TEACHER:
        panel.arm_positive()
        click(window.workspace_controller.display_panels[0], SIDE_PX / 2, SIDE_PX / 2)
        panel.disarm()
        await until(lambda: panel.session.map_item.has_data and "Like" in panel.session.map_item.title)
        show(window, panel)


def show(window, panel) -> None:
    """The live image, and the map beside it."""
    display = window.document_model.get_display_item_for_data_item
    for display_panel, item in zip(
        window.workspace_controller.display_panels, (panel.session.data_item, panel.session.map_item), strict=False
    ):
        display_panel.set_display_panel_display_item(display(item))


def detach(window, panel) -> None:
    """Take everything of DeepScan off the live image: clicks, overlay, maps, and with them the computations."""
    model, session = window.document_model, panel.session
    session.clear_clicks()
    session.live.detach()
    for computation in [c for c in model.computations if (c.processing_id or "").startswith("deepscan.")]:
        item = computation.get_output("map")
        if item is not None and item in model.data_items:
            model.remove_data_item(item)


async def observe(seconds: float, clock: OwnTime) -> dict:
    """Figures of one mode in one turn."""
    from deepscan_core.records.costs import electrons
    from nionswift_plugin import deepscan_simulator

    ledger = deepscan_simulator.electron_ledger()
    clock.clear()
    electrons_before, busy_before, began = ledger.electrons, busy_s(), time.perf_counter()
    over_ms = []
    while time.perf_counter() - began < seconds:
        lay_down = time.perf_counter()
        await asyncio.sleep(NAP_S)
        over_ms.append((time.perf_counter() - lay_down - NAP_S) * 1e3)
    took_s = time.perf_counter() - began
    frame = electrons(SIDE_PX, SIDE_PX, DWELL_US, ledger.frames[-1].exposure.beam_current_pa)
    return {
        "seconds": took_s,
        "stalls": sum(over > STALL_MS for over in over_ms),
        "stall_p99_ms": percentile_99(over_ms),
        "stall_largest_ms": max(over_ms),
        "own_p99_ms": percentile_99(clock.spent_ms),
        "own_largest_ms": max(clock.spent_ms, default=0.0),
        "own_by_function_ms": dict(clock.largest_ms),
        "own_share": sum(clock.spent_ms) / 1e3 / took_s,
        "frames_per_s": (ledger.electrons - electrons_before) / frame / took_s,
        "maps_per_s": clock.commits / took_s,
        "cores": (busy_s() - busy_before) / took_s,
    }


def busy_s() -> float:
    """Processor time of Swift, and of the processes that it started where Linux tells it."""
    own = str(os.getpid())
    ticks = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = path.read_text(encoding="utf-8").rpartition(")")[2].split()
            ticks += sum(map(int, fields[11:13])) if fields[1] == own else 0
    return time.process_time() + ticks / os.sysconf("SC_CLK_TCK")


class OwnTime:
    """Milliseconds of each stay in DeepScan's own code in the thread that makes it."""

    def __init__(self) -> None:
        self.spent_ms: list[float] = []
        self.largest_ms: dict[str, float] = {}
        self.commits = 0
        self._thread = threading.get_ident()
        self._is_inside = False
        for name in sorted(module for module in sys.modules if module.startswith(PACKAGE)):
            module = sys.modules[name]
            self._wrap_all(module, name)
            for kind in [kind for kind in vars(module).values() if inspect.isclass(kind) and kind.__module__ == name]:
                self._wrap_all(kind, name)

    def clear(self) -> None:
        self.spent_ms.clear()
        self.largest_ms.clear()
        self.commits = 0

    def _wrap_all(self, owner, module: str) -> None:
        for name, value in list(vars(owner).items()):
            is_own = inspect.isfunction(value) and value.__module__ == module and not name.startswith("__")
            if is_own and not inspect.iscoroutinefunction(value) and not inspect.isgeneratorfunction(value):
                setattr(owner, name, self._timed(value))

    def _timed(self, function):
        @functools.wraps(function)
        def timed(*args, **kwargs):
            if self._is_inside or threading.get_ident() != self._thread:
                return function(*args, **kwargs)
            self._is_inside, began = True, time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                self._is_inside = False
                spent_ms, name = (time.perf_counter() - began) * 1e3, function.__qualname__
                self.spent_ms.append(spent_ms)
                self.largest_ms[name] = max(spent_ms, self.largest_ms.get(name, 0.0))
                self.commits += function.__name__ == "commit"

        return timed


def percentile_99(values: list[float]) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[98] if len(values) > 1 else sum(values)


if __name__ == "__main__":
    sys.exit(main())
main = script_main
