"""Draw what one click finds: an image with the click, the map, and the next suggested click.

python benchmarks/teacher_picture.py docs/pictures/teacher.png
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np

from deepscan_core import Study
from deepscan_core.benchmarking.planted_scenes import atomic_scene, micro_scene

mpl.use("Agg")
from matplotlib import pyplot as plt  # after the backend was chosen

CLICK, NEXT = "#e69f00", "#56b4e9"


def main(path: Path) -> None:
    """Two frames, a vacancy and a microstructure, each with a click drawn by a seed."""
    crystal, cracks = atomic_scene("gold", 1, 512), micro_scene("cracks", 0, 512)
    kinds = [d.kind for d in crystal.specimen.truth]
    places = [crystal.exposure.grid.index_px(d.center_nm) for d in crystal.specimen.truth]
    inside = [p for p, kind in zip(places, kinds, strict=True) if kind == "vacancy" and all(8 < n < 503 for n in p)]
    on_cracks = np.argwhere(cracks.mask)
    on_cracks = on_cracks[((on_cracks > 64) & (on_cracks < 448)).all(axis=1)]
    clicks = (inside[0], tuple(on_cracks[len(on_cracks) // 2].astype(float)))
    figure, axes = plt.subplots(2, 2, figsize=(8, 8.4), layout="constrained")
    for row, scene, click, title in zip(axes, (crystal, cracks), clicks, ("a vacancy", "a crack"), strict=True):
        study = Study(scene.preview)
        found, following = study.teach([click]), study.suggest_click([click])
        row[0].imshow(scene.preview.array, cmap="gray")
        row[0].set_title(f"One click on {title}")
        row[1].imshow(found.values, cmap="viridis", vmin=0, vmax=1)
        row[1].set_title("Probability of being alike")
        for axis in row:
            axis.plot(click[1], click[0], "o", ms=12, mfc="none", mew=2, color=CLICK, label="click")
            axis.plot(following[1], following[0], "s", ms=12, mfc="none", mew=2, color=NEXT, label="next suggestion")
            axis.set_axis_off()
        row[0].legend(loc="lower left", framealpha=0.9)
    figure.savefig(path, dpi=80, pil_kwargs={"optimize": True})


if __name__ == "__main__":
    main(Path(sys.argv[1]))
