"""How well words find what they say: on real micrographs that no training saw, and on simulated crops held back from it.

    python benchmarks/words.py [--data FOLDER] [--model FILE] [--control FILE] [--clip FILE] [--only zero-shot,objects,...]

`--control` is a model trained with ``training/train_words.py --shuffled``, whose captions said nothing. `--clip` is a local
file of open_clip's ViT-B-32; its column stays empty without it. Phrases: ``benchmarks/words_phrases.json``; each has a word
that the corpus does not know. Rules of brightness are chosen with hindsight, the best one for each set.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from word_sets import PHRASES, SETS, marked_images, relatives
from word_trials import absent_rows, kinds_rows, latency_rows

from deepscan_core import Study
from deepscan_core.benchmarking.tables import table
from deepscan_core.features.words import WordModel, load_word_model
from deepscan_core.features.words.own import read_own_model
from deepscan_core.scoring.text import phrase_scores

FloatArray = npt.NDArray[np.float32]
MOST_PIXELS = 20_000  # of an image, for an area under a curve
MARKED_PIXELS = 3_000  # of an image, for objects against objects
RULES = ("bright", "dark", "local deviation", "local mean")
PARTS = ("zero-shot", "objects", "kinds", "absent", "latency")


@dataclass(frozen=True, eq=False, kw_only=True)
class Outcome:
    """What a model makes of all sets.

    Attributes
    ----------
    areas : of a set, for each phrase of each set, the mean pixel AUROC over images; keys (set, set of the phrase).
    marked : scores of marked pixels of a set for each phrase of each set, shape (n_phrases, n_pixels).
    """

    areas: Mapping[tuple[str, str], FloatArray]
    marked: Mapping[tuple[str, str], FloatArray]


def main() -> None:
    arguments = _arguments()
    asked = arguments.only.split(",") if arguments.only else PARTS
    own = load_word_model() if arguments.model is None else read_own_model(arguments.model)
    models: dict[str, WordModel | None] = {"DeepScan": own, "open_clip ViT-B-32": None}
    if arguments.control is not None:
        models["shuffled captions"] = read_own_model(arguments.control)
    if arguments.clip is not None:
        models["open_clip ViT-B-32"] = load_word_model("ViT-B-32", arguments.clip)
    if "zero-shot" in asked or "objects" in asked:
        outcomes = {name: outcome(model, arguments.data) for name, model in models.items() if model is not None}
        print("Zero-shot on real images, pixel AUROC, mean over images and phrases:\n")
        print("\n".join(zero_shot_table(outcomes, rules(arguments.data))))
        print("\nEach phrase:\n")
        for name in SETS:
            each = zip(PHRASES[name], outcomes["DeepScan"].areas[name, name], strict=True)
            print(f"- {name}: " + ", ".join(f"“{phrase}” {area:.3f}" for phrase, area in each))
        print("\nObject against object, AUROC of marked pixels against those of other sets, mean over phrases:\n")
        print("\n".join(objects_table(outcomes)))
    for part, rows in (("kinds", kinds_rows), ("absent", absent_rows), ("latency", latency_rows)):
        if part in asked:
            print(f"\n{(rows.__doc__ or '').splitlines()[0]}\n")
            print("\n".join(table(["what", "figure", "asked for"], rows(own, arguments.data))))


def outcome(model: WordModel, data: Path) -> Outcome:
    """Score every image of every set for every phrase of every set, at the cells of the finest scale."""
    sizes = [len(PHRASES[words]) for words in SETS]
    phrases = model.phrases([phrase for words in SETS for phrase in PHRASES[words]])
    areas: dict[str, list[list[float]]] = {name: [] for name in SETS}
    marked: dict[str, list[FloatArray]] = {name: [] for name in SETS}
    for name in SETS:
        for image, mask in marked_images(data, name):
            scales = Study(image).seen_by(model)
            scores = phrase_scores(scales, phrases, model.others).reshape(-1, sum(sizes))
            cells = np.rint(scales[0].features.centers_px()).astype(int)
            is_marked = mask[tuple(np.clip(cells, 0, np.array(mask.shape) - 1).T)]
            rng = np.random.default_rng(0)
            inside, outside = (
                rng.choice(found, min(len(found), MOST_PIXELS), replace=False)
                for found in (np.flatnonzero(is_marked), np.flatnonzero(~is_marked))
            )
            compared = np.concatenate([inside, outside])
            print(f"{name} {image.shape}", file=sys.stderr, flush=True)
            areas[name].append([auroc(scores[compared, k], is_marked[compared]) for k in range(sum(sizes))])
            marked[name].append(scores[inside[:MARKED_PIXELS]].T)
    ends = np.cumsum(sizes)
    parts = {words: slice(end - size, end) for words, end, size in zip(SETS, ends, sizes, strict=True)}
    means = {name: np.mean(values, axis=0, dtype=np.float32) for name, values in areas.items()}
    pixels = {name: np.concatenate(values, axis=1) for name, values in marked.items()}
    return Outcome(
        areas={(name, words): means[name][part] for name in SETS for words, part in parts.items()},
        marked={(name, words): pixels[name][part] for name in SETS for words, part in parts.items()},
    )


def zero_shot_table(outcomes: Mapping[str, Outcome], fixed: Mapping[str, Mapping[str, float]]) -> list[str]:
    """Right words, the worst phrase, wrong words, the best rule, and the other models."""
    others = ("shuffled captions", "open_clip ViT-B-32")
    rows = []
    for name, chosen in SETS.items():
        own = outcomes["DeepScan"]
        right = own.areas[name, name]
        rule = max(fixed[name], key=lambda r: fixed[name][r])
        rows.append(
            [
                name,
                f"{right.mean():.3f}",
                "-" if chosen.target is None else f"{chosen.target:.2f}",
                f"{right.min():.3f}",
                f"{wrong_words(own, name):.3f}",
                f"{rule} {fixed[name][rule]:.3f}",
                *(f"{outcomes[o].areas[name, name].mean():.3f}" if o in outcomes else "" for o in others),
            ]
        )
    return table(["set", "words", "asked for", "worst phrase", "wrong words", "best rule", *others], rows)


def wrong_words(found: Outcome, name: str) -> float:
    """Mean AUROC on a set of the words of all sets that are not its relatives."""
    return float(np.mean([found.areas[name, words].mean() for words in SETS if words not in relatives(name)]))


def objects_table(outcomes: Mapping[str, Outcome]) -> list[str]:
    """Against the marked pixels of sets that are not relatives, and of all other sets."""
    rows = []
    for model, found in outcomes.items():
        for strict in (False, True):
            areas = {name: objects(found, name, strict=strict) for name in SETS}
            against = "all other sets" if strict else "sets of other families"
            rows.append([model, against, f"{np.mean(list(areas.values())):.3f}", *(f"{a:.3f}" for a in areas.values())])
    return table(["model", "against", "macro", *SETS], rows)


def objects(found: Outcome, name: str, *, strict: bool) -> float:
    """How often a marked pixel of a set scores higher for its own words than one of the other sets does."""
    left_out = (name,) if strict else relatives(name)
    areas = []
    for number in range(len(PHRASES[name])):
        own = found.marked[name, name][number]
        other = np.concatenate([found.marked[s, name][number] for s in SETS if s not in left_out])
        areas.append(auroc(np.concatenate([own, other]), np.arange(len(own) + len(other)) < len(own)))
    return float(np.mean(areas))


def rules(data: Path) -> dict[str, dict[str, float]]:
    """AUROC of each fixed rule on each set, mean over images."""
    from scipy import ndimage

    found: dict[str, dict[str, float]] = {}
    for name in SETS:
        areas = []
        for image, mask in marked_images(data, name):
            grey = image.array.astype(np.float64)
            mean = ndimage.uniform_filter(grey, 9)
            deviation = np.sqrt(np.maximum(ndimage.uniform_filter(grey**2, 9) - mean**2, 0))
            pixels = np.random.default_rng(0).choice(mask.size, min(mask.size, 10 * MOST_PIXELS), replace=False)
            maps = (grey, -grey, deviation, mean)
            areas.append([auroc(m.flat[pixels], mask.flat[pixels]) for m in maps])
        found[name] = dict(zip(RULES, np.nanmean(areas, axis=0).tolist(), strict=True))
    return found


def auroc(scores: npt.ArrayLike, is_positive: npt.ArrayLike) -> float:
    """Area under the receiver's curve; ties count half; NaN without both kinds."""
    from scipy.stats import rankdata

    positive = np.asarray(is_positive, bool)
    ranks, n = rankdata(np.asarray(scores)), int(positive.sum())
    if n in (0, len(positive)):
        return float("nan")
    return float((ranks[positive].sum() - n * (n + 1) / 2) / (n * (len(positive) - n)))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(__file__).resolve().parents[2] / "shared" / "data")
    parser.add_argument("--model", type=Path, help="another file of DeepScan's own model")
    parser.add_argument("--control", type=Path, help="a model trained on shuffled captions")
    parser.add_argument("--clip", type=Path, help="weights of open_clip's ViT-B-32")
    parser.add_argument("--only", help=f"some of {','.join(PARTS)}")
    return parser.parse_args()


if __name__ == "__main__":
    main()
