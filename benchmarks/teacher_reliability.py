"""How often what the teacher calls probable is true, on planted specimens that are new to it and on real micrographs.

    python benchmarks/teacher_reliability.py [--seeds 3] [--real DATA] [--draws 2] [--picture FILE]

Of all pixels whose probability lies in a bin, the share that is truth. In planted frames each kind of truth is clicked for
itself, and only that kind is true; in real ones what people have marked. "Uncalibrated" is the ratio of the densities
before ``deepscan_core/scoring/teaching/calibration.py``. Beside the table the expected calibration error: the mean over
pixels of the distance between said and true, of all pixels and of those with a probability above 0.05 (Guo and others 2017,
arXiv:1706.04599). The last columns ask the same of regions: of rectangles over the highest probabilities on 5 % of the
image, each as probable as its highest pixel, the share that holds a pixel of truth.
"""

from __future__ import annotations

import argparse
import itertools
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from teacher import drawn_clicks

from deepscan_core import ScoreMap, Study
from deepscan_core.benchmarking.planted_scenes import ATOMIC, MICRO, SURFACE, atomic_scene, micro_scene
from deepscan_core.benchmarking.real_scenes import files_of, real_scene
from deepscan_core.scoring.teacher import Teacher

SIDE_PX, REGION_AREA = 256, 0.05
CLICKS = (1, 3, 5, 10)
REAL_SETS = ("cracks", "agglomerates", "satellites")
BINS = (0.0, 0.01, 0.05, 0.2, 0.4, 0.6, 0.8, 1.0)
TELLING = 0.05  # below, nothing is shown or planned
FEWEST_PIXELS = 5


@dataclass
class Tally:
    """Said and true, by bin: how many, the sum of what was said and the sum of what was true."""

    sums: np.ndarray = field(default_factory=lambda: np.zeros((len(BINS) - 1, 3)))

    def add(self, said: np.ndarray, true: np.ndarray) -> None:
        number = np.clip(np.searchsorted(BINS, said, side="right") - 1, 0, len(BINS) - 2)
        for column, weights in enumerate((np.ones(len(said)), said, true)):
            self.sums[:, column] += np.bincount(number, weights, len(BINS) - 1)

    def errors(self) -> tuple[float, float]:
        """Expected calibration error of all, and of those above `TELLING`."""
        return tuple(
            float(np.abs(part[:, 1] - part[:, 2]).sum() / max(part[:, 0].sum(), 1))
            for part in (self.sums, self.sums[BINS.index(TELLING) :])
        )

    def means(self, number: int) -> tuple[float, float] | None:
        """What was said and what was true on average in a bin; None where it is empty."""
        count, said, true = self.sums[number]
        return (said / count, true / count) if count else None


Tallies = dict[
    tuple[str, int, str], Tally
]  # by source of frames, clicks, and "calibrated", "uncalibrated" or "regions"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--real", type=Path)
    parser.add_argument("--draws", type=int, default=2)
    parser.add_argument("--picture", type=Path)
    arguments = parser.parse_args()
    tallies: Tallies = defaultdict(Tally)
    for study, mask in planted(arguments.seeds):
        tally(tallies, "planted", study, mask, arguments.draws)
    sources = ["planted"]
    if arguments.real:
        for name in REAL_SETS:
            sources.append(name)
            for path in files_of(arguments.real, name):
                scene = real_scene(name, path)
                tally(tallies, name, Study(scene.preview), scene.mask, arguments.draws)
    for source in sources:
        print_table(tallies, source)
    print_errors(tallies, sources)
    if arguments.picture:
        draw(tallies, sources, arguments.picture)


def planted(seeds: int) -> Iterator[tuple[Study, np.ndarray]]:
    """Each kind of truth of each frame."""
    for seed, name in itertools.product(range(seeds), (*MICRO, *SURFACE, *ATOMIC)):
        scene = (atomic_scene if name in ATOMIC else micro_scene)(name, seed, SIDE_PX)
        study = Study(scene.preview)
        for mask in scene.masks_by_kind().values():
            if mask.sum() >= FEWEST_PIXELS:
                yield study, mask


def tally(tallies: Tallies, source: str, study: Study, mask: np.ndarray, draws: int) -> None:
    """Click on what is true, and count."""
    stack = study._kept.taught()
    for count in CLICKS:
        if mask.sum() < count:
            continue
        for clicks in drawn_clicks(mask, count, draws):
            teacher = Teacher().fit([study.examples(clicks)])
            found = teacher.predict(stack)
            scores = stack.weighted_sum(teacher.learned_.weights) + np.float32(teacher.learned_.bias)
            ratios = teacher.odds_.ratios(scores.astype(float), scores)
            before = stack.finest.to_pixels(1 / (1 + np.exp(-np.clip(ratios, -30, 30))))
            tallies[source, count, "calibrated"].add(found.values.ravel(), mask.ravel())
            tallies[source, count, "uncalibrated"].add(before.ravel(), mask.ravel())
            tallies[source, count, "regions"].add(*regions(study, found, mask))


def regions(study: Study, found: ScoreMap, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What regions promise, and whether they hold truth."""
    chosen = study.regions(found, area_fraction=REGION_AREA)
    held = [float(mask[one.slices(mask.shape)].any()) for one in chosen]
    return np.array([one.score for one in chosen]), np.array(held)


def print_table(tallies: Tallies, source: str) -> None:
    """One row a number of clicks and bin."""
    print(f"\n{source}\n\n| clicks | probability | share of pixels | said | true | regions: said | true |")
    print("|---|---|---|---|---|---|---|")
    for count in (1, 10) if source == "planted" else (1,):
        own, regional = tallies[source, count, "calibrated"], tallies[source, count, "regions"]
        for number, (low, high) in enumerate(itertools.pairwise(BINS)):
            means = own.means(number)
            if means is None:
                continue
            share = own.sums[number, 0] / own.sums[:, 0].sum()
            cells = [f"{value:.3f}" for value in means]
            cells += [f"{value:.2f}" for value in regional.means(number) or ()] or ["", ""]
            print(f"| {count} | {low:g} – {high:g} | {share:.2%} | {' | '.join(cells)} |")


def print_errors(tallies: Tallies, sources: list[str]) -> None:
    """One row a source and number of clicks."""
    print("\n| frames | clicks | uncalibrated | calibrated | uncalibrated, above 0.05 | calibrated, above 0.05 |")
    print("|---|---|---|---|---|---|")
    for source, count in itertools.product(sources, CLICKS):
        before, after = (tallies[source, count, state].errors() for state in ("uncalibrated", "calibrated"))
        cells = [f"{value:.3f}" for pair in zip(before, after, strict=True) for value in pair]
        print(f"| {source} | {count} | {' | '.join(cells)} |")


def draw(tallies: Tallies, sources: list[str], path: Path) -> None:
    """Said against true, after one click and after ten."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.6, 3.4), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    panels = (("planted, one click", [("planted", 1)]), ("planted, ten clicks", [("planted", 10)]))
    panels += (("real, one click", [(source, 1) for source in sources[1:]]),) if len(sources) > 1 else ()
    for axes, (title, shown) in zip(
        figure.subplots(1, len(panels), sharey=True, squeeze=False)[0], panels, strict=True
    ):
        axes.plot([0, 1], [0, 1], color="0.7", linewidth=1)
        for (source, count), shape in zip(shown, "osD", strict=False):
            for state, colour in (("uncalibrated", "#e08a35"), ("calibrated", "#1b3f8b")):
                points = [tallies[source, count, state].means(number) for number in range(len(BINS) - 1)]
                said, true = zip(*[one for one in points if one], strict=True)
                label = state if source == "planted" else f"{source}, {state}"
                axes.plot(said, true, marker=shape, markersize=4, color=colour, linewidth=1, label=label)
        axes.set(title=title, xlabel="said", xlim=(0, 1), ylim=(0, 1))
        axes.legend(frameon=False, fontsize=7, loc="upper left")
    figure.axes[0].set_ylabel("true share of pixels")
    figure.savefig(path)


if __name__ == "__main__":
    main()
