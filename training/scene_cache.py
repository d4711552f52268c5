"""Render the corpus once and keep what the frozen backbone makes of it, so that a step of training is cheap."""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from deepscan_core.simulation.corpus.scene import Scene
from deepscan_core.simulation.corpus.scenes import SIDE_PX, render_scene

STEP_PX = 2  # of the labels
SHARE_INSIDE = 0.4  # of a label's pixels from which it counts as inside: thin lines stay whole
SHARD = 500
LEVELS = {"stride4": (24, 4), "stride8": (40, 8), "stride16": (112, 16)}


@dataclass(frozen=True, eq=False)
class Shard:
    """Scenes of consecutive seeds.

    Attributes
    ----------
    folder : of its arrays, opened without reading them.
    """

    folder: Path

    def array(self, name: str) -> npt.NDArray[Any]:
        """ "image", "masks" (bits, one row a group), or one of `LEVELS`."""
        loaded: npt.NDArray[Any] = np.load(self.folder / f"{name}.npy", mmap_mode="r")
        return loaded

    def groups(self) -> list[list[dict[str, Any]]]:
        """For each scene its groups: kind, tone, form, size, layout, and the row of its mask."""
        groups: list[list[dict[str, Any]]] = json.loads((self.folder / "groups.json").read_text(encoding="utf-8"))
        return groups


def make_cache(folder: Path, count: int, *, first_seed: int, processes: int) -> tuple[Shard, ...]:
    """Render what is not there yet; `count` scenes from `first_seed` on."""
    starts = range(first_seed, first_seed + count, SHARD)
    targets = [folder / f"seeds-{start:06d}" for start in starts]
    with ProcessPoolExecutor(processes) as pool:
        for done in pool.map(_make_shard, targets, starts):
            print(f"rendered {done}", flush=True)
    return tuple(Shard(target) for target in targets)


def _make_shard(target: Path, start: int) -> str:
    if (target / "groups.json").exists():
        return f"{target.name} before"
    import torch

    from deepscan_core.features.backbones import load_backbone
    from deepscan_core.ingest.normalise import Preprocessing, normalise

    torch.set_num_threads(1)
    backbone = load_backbone()
    target.mkdir(parents=True, exist_ok=True)
    images = np.empty((SHARD, SIDE_PX, SIDE_PX), np.float16)
    levels = {
        name: np.empty((SHARD, channels, SIDE_PX // stride, SIDE_PX // stride), np.float16)
        for name, (channels, stride) in LEVELS.items()
    }
    masks: list[npt.NDArray[np.uint8]] = []
    groups = []
    for number in range(SHARD):
        scene = render_scene(start + number)
        images[number] = normalise(scene.image, Preprocessing())
        for array, level in zip(
            levels.values(), backbone.levels(images[number].astype(np.float32), scale=1.0), strict=True
        ):
            array[number] = level.values
        groups.append(_noted(scene, masks))
    np.save(target / "image.npy", images)
    np.save(target / "masks.npy", np.stack(masks))
    for name, array in levels.items():
        np.save(target / f"{name}.npy", array)
    (target / "groups.json").write_text(json.dumps(groups), encoding="utf-8")
    return target.name


def _noted(scene: Scene, masks: list[npt.NDArray[np.uint8]]) -> Sequence[dict[str, Any]]:
    found = []
    for group in scene.groups:
        found.append(
            {key: getattr(group, key) for key in ("kind", "tone", "form", "size", "layout")} | {"mask": len(masks)}
        )
        side = SIDE_PX // STEP_PX
        share = group.mask.reshape(side, STEP_PX, side, STEP_PX).mean((1, 3))
        masks.append(np.packbits(share >= SHARE_INSIDE))
    return found
