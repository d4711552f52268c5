"""Learn what the teacher's likelihood ratios are worth, from planted specimens alone.

    python -m training.calibrate_teacher

Prints the constants of ``deepscan_core/scoring/teaching/calibration.py``. Seeds from 3000 on are learned from, none of
which ``benchmarks/teacher_reliability.py`` uses. Takes about ten minutes on one core.

In each frame every kind of truth is clicked: one to ten clicks at random on its pixels, one and three of them also with two
negative ones on what was taken for it. The log loss of all pixels is minimised, each frame and number of clicks counting
alike.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Iterator, Sequence

import numpy as np

from deepscan_core import Study
from deepscan_core.benchmarking.planted_scenes import ATOMIC, MICRO, SURFACE, atomic_scene, micro_scene
from deepscan_core.benchmarking.scene import BoolArray, Scene
from deepscan_core.features.backbones import DEFAULT_BACKBONE
from deepscan_core.records.coordinates import YX
from deepscan_core.records.stacks import FeatureStack
from deepscan_core.scoring.teacher import Teacher
from deepscan_core.scoring.teaching import calibration
from deepscan_core.threads import one_blas_thread

FIRST_SEED = 3000
FRAMES = ((256, 6), (512, 2))  # side in pixels, and how many seeds of each kind
CLICKS, WITH_NEGATIVES, DRAWS = (1, 2, 3, 5, 10), (1, 3), 2
APART_CELLS = 6  # of negative clicks
FEWEST_PIXELS = 5
HIGH_SHARE, PLACES = 0.05, 150  # of each lesson: so many places of the highest twentieth, and of the rest
L2 = 1e-5
FIRST_GUESS = (-3.0, 0, 0, 0, *(-1.0, 0, 0) * 3)
Rows = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]  # design, terms, truth and weight of some places


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backbone", default=DEFAULT_BACKBONE)
    parser.add_argument("--kinds", nargs="+", default=[*MICRO, *SURFACE, *ATOMIC])
    arguments = parser.parse_args()
    lessons: list[Rows] = []
    for side_px, seeds in FRAMES:
        for number, name in itertools.product(range(seeds), arguments.kinds):
            make = atomic_scene if name in ATOMIC else micro_scene
            lessons += lessons_of(make(name, FIRST_SEED + number, side_px), arguments.backbone)
        sys.stderr.write(f"{len(lessons)} lessons after frames of {side_px} px\n")
    offsets, log_slopes = fitted(lessons)
    print(f"OFFSETS: tuple[float, ...] = {_text(offsets)}")
    print(f"LOG_SLOPES: tuple[tuple[float, ...], ...] = ({', '.join(map(_text, log_slopes))})")


def lessons_of(scene: Scene, backbone: str) -> Iterator[Rows]:
    """Each kind of truth in a frame, clicked again and again."""
    study = Study(scene.preview, backbone=backbone)
    stack = study._kept.taught()
    for mask in scene.masks_by_kind().values():
        places, truth = np.argwhere(mask), _on_grid(mask, stack)
        for count, draw in itertools.product(CLICKS, range(DRAWS)):
            if len(places) < max(count, FEWEST_PIXELS):
                continue
            rng = np.random.default_rng([7, scene.seed, count, draw])
            clicks = [(float(y), float(x)) for y, x in places[rng.choice(len(places), count, replace=False)]]
            teacher = taught(study, clicks)
            yield rows_of(teacher, stack, truth, rng)
            if count in WITH_NEGATIVES and draw == 0:
                yield rows_of(taught(study, clicks, mistaken(teacher, stack, truth)), stack, truth, rng)


def taught(study: Study, positives: Sequence[YX], negatives: Sequence[YX] = ()) -> Teacher:
    """One that has learned some clicks."""
    with one_blas_thread():
        return Teacher().fit([study.examples(positives, negatives)])


def mistaken(teacher: Teacher, stack: FeatureStack, truth: np.ndarray) -> list[YX]:
    """The two places that are most alike and not wanted."""
    odds = np.where(truth > 0, -np.inf, teacher.log_odds(stack))
    found = []
    for _ in range(2):
        row, col = divmod(int(odds.argmax()), odds.shape[1])
        y, x = (stack.finest.origin_px + stack.finest.step_px * at for at in (row, col))
        found.append((y, x))
        near = tuple(slice(max(0, at - APART_CELLS), at + APART_CELLS + 1) for at in (row, col))
        odds[near] = -np.inf
    return found


def rows_of(teacher: Teacher, stack: FeatureStack, truth: np.ndarray, rng: np.random.Generator) -> Rows:
    """Places of one lesson, of which those that score high are taken more densely and count less."""
    odds = teacher.odds_
    scores = (stack.weighted_sum(teacher.learned_.weights) + np.float32(teacher.learned_.bias)).ravel()
    chosen, weights = [], []
    is_high = scores > np.quantile(scores, 1 - HIGH_SHARE)
    for part in (np.flatnonzero(is_high), np.flatnonzero(~is_high)):
        drawn = rng.choice(part, min(PLACES, len(part)), replace=False)
        chosen.append(drawn)
        weights.append(np.full(len(drawn), len(part) / len(drawn) / len(scores)))
    at = np.concatenate(chosen)
    own = scores[at].astype(float)
    given = np.tile(calibration.design(odds.n_clicks, odds.sigma), (len(at), 1))
    return given, calibration.terms(own, odds.ratios(own, scores)), truth.ravel()[at], np.concatenate(weights)


def fitted(lessons: list[Rows]) -> tuple[np.ndarray, np.ndarray]:
    """Offsets, shape (4,), and logarithms of slopes, shape (3, 3), with the least log loss."""
    from scipy import optimize
    from scipy.special import expit

    given, terms, truth, weights = (
        np.concatenate(parts, axis=-1 if number == 1 else 0) for number, parts in enumerate(zip(*lessons, strict=True))
    )
    weights = weights / weights.sum()
    bent = given[:, :3]

    def loss(values: np.ndarray) -> tuple[float, np.ndarray]:
        slopes = np.exp(np.clip(values[4:].reshape(3, 3) @ bent.T, -8, 4))
        odds = given @ values[:4] + (slopes * terms).sum(axis=0)
        error = weights * (expit(odds) - truth)
        gradient = np.concatenate([given.T @ error, ((slopes * terms * error) @ bent).ravel()])
        total = float((weights * (np.logaddexp(0, odds) - truth * odds)).sum())
        return total + L2 * float(values @ values), gradient + 2 * L2 * values

    found = optimize.minimize(loss, np.array(FIRST_GUESS), jac=True, method="L-BFGS-B", options={"maxiter": 400}).x
    return found[:4], found[4:].reshape(3, 3)


def _on_grid(mask: BoolArray, stack: FeatureStack) -> np.ndarray:
    """Share of truth in each cell of the finest map."""
    step, (rows, cols) = round(stack.finest.step_px), stack.finest.values.shape[:2]
    return mask[: rows * step, : cols * step].reshape(rows, step, cols, step).mean(axis=(1, 3))


def _text(values: np.ndarray) -> str:
    return f"({', '.join(f'{value:.2f}' for value in values)})"


if __name__ == "__main__":
    main()
