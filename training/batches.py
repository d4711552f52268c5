"""Batches: scenes from the cache, phrases for them, and which pixels each phrase means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from deepscan_core.simulation.corpus.captions import LOOKS, WHOLE_FIELD, Caption, caption
from deepscan_core.simulation.corpus.nouns import BACKGROUND, KINDS
from deepscan_core.simulation.corpus.scenes import SIDE_PX
from training.scene_cache import LEVELS, STEP_PX, Shard

FREE_CAPTIONS = 12
LOOK_SHARE = 0.45
CROP_PX, CROP_STEP_PX = 128, 32  # what one scene contributes; the backbone saw all of it
PIXELS = 512  # a crop, half of them on objects
SIDE, CROP_SIDE = SIDE_PX // STEP_PX, CROP_PX // STEP_PX


@dataclass(frozen=True, eq=False, kw_only=True)
class Batch:
    """What one step needs.

    Attributes
    ----------
    inputs : levels and pictures, for `Decoder`.
    captions : one for each of `KINDS`, in this order, then free ones.
    pixels : flat indices of the pixels that count, shape (scenes, PIXELS).
    targets : 1, 0, or -1 where open; shape (scenes, PIXELS, captions).
    kinds : number of the kind on top at each pixel, shape (scenes, PIXELS).
    """

    inputs: tuple[torch.Tensor, ...]
    captions: tuple[Caption, ...]
    pixels: torch.Tensor
    targets: torch.Tensor
    kinds: torch.Tensor


class Batches:
    """Draws batches; in `shuffled` ones the captions belong to other kinds than they say, drawn anew each time."""

    def __init__(self, shards: Sequence[Shard], *, seed: int, size: int, shuffled: bool = False) -> None:
        self._arrays = [{name: shard.array(name) for name in ("image", "masks", *LEVELS)} for shard in shards]
        self._groups = [shard.groups() for shard in shards]
        self.rng, self._size, self._shuffled = np.random.default_rng(seed), size, shuffled

    def draw(self) -> Batch:
        """The next batch."""
        rng = self.rng
        chosen = [
            (int(rng.integers(len(self._arrays))), int(rng.integers(len(self._groups[0])))) for _ in range(self._size)
        ]
        groups = [[SimpleNamespace(**group) for group in self._groups[shard][scene]] for shard, scene in chosen]
        whole = [self._masks(shard, part) for (shard, _), part in zip(chosen, groups, strict=True)]
        corners = [self._corner(mask) for mask in whole]
        masks = [
            mask[:, y // STEP_PX :, x // STEP_PX :][:, :CROP_SIDE, :CROP_SIDE].reshape(len(mask), CROP_SIDE**2)
            for mask, (y, x) in zip(whole, corners, strict=True)
        ]
        if self._shuffled:
            for group in (group for part in groups for group in part):
                group.kind = KINDS[int(rng.integers(len(KINDS)))]
                group.tone = group.form = group.size = group.layout = ""
        captions = self._captions([group for part in groups for group in part])
        pixels, targets, kinds = zip(
            *(self._labels(part, mask, captions) for part, mask in zip(groups, masks, strict=True)), strict=True
        )
        strides = {"image": 1} | {name: stride for name, (_, stride) in LEVELS.items()}
        inputs = [
            torch.from_numpy(
                np.stack(
                    [
                        _cropped(self._arrays[shard][name][scene], corner, strides[name])
                        for (shard, scene), corner in zip(chosen, corners, strict=True)
                    ]
                ).astype(np.float32)
            )
            for name in (*LEVELS, "image")
        ]
        inputs[-1] = inputs[-1][:, None]
        return Batch(
            inputs=tuple(inputs),
            captions=captions,
            pixels=torch.from_numpy(np.stack(pixels)),
            targets=torch.from_numpy(np.stack(targets)),
            kinds=torch.from_numpy(np.stack(kinds)),
        )

    def _masks(self, shard: int, groups: Sequence[Any]) -> npt.NDArray[np.bool_]:
        rows = (
            self._arrays[shard]["masks"][[group.mask for group in groups]]
            if groups
            else np.zeros((0, SIDE * SIDE // 8), np.uint8)
        )
        return np.unpackbits(rows, axis=1).astype(bool).reshape(-1, SIDE, SIDE)

    def _corner(self, masks: npt.NDArray[np.bool_]) -> tuple[int, int]:
        """Of the crop: mostly one that shows some object."""
        middle = self.rng.integers(0, SIDE_PX, 2)
        if len(masks) and self.rng.random() < 0.8:
            inside = np.argwhere(masks[int(self.rng.integers(len(masks)))])
            if len(inside):
                middle = inside[int(self.rng.integers(len(inside)))] * STEP_PX + self.rng.integers(-40, 41, 2)
        y, x = np.clip(np.rint((middle - CROP_PX / 2) / CROP_STEP_PX), 0, (SIDE_PX - CROP_PX) // CROP_STEP_PX).astype(
            int
        )
        return int(y) * CROP_STEP_PX, int(x) * CROP_STEP_PX

    def _captions(self, groups: Sequence[Any]) -> tuple[Caption, ...]:
        rng = self.rng
        found = []
        for kind in KINDS:
            same = [group for group in groups if group.kind == kind]
            model = same[int(rng.integers(len(same)))] if same else None
            found.append(caption(rng, kind, **(self._looks(model) if model is not None else {})))
        for _ in range(FREE_CAPTIONS):
            model = groups[int(rng.integers(len(groups)))] if groups else None
            looks = {
                look: getattr(model, look) for look in ("tone", "form") if model is not None and rng.random() < 0.75
            }
            if model is not None and rng.random() < 0.3:
                looks |= self._looks(model)
            found.append(caption(rng, "", **{look: value for look, value in looks.items() if value}))
        return tuple(found)

    def _looks(self, group: Any) -> dict[str, str]:
        if self.rng.random() > LOOK_SHARE:
            return {}
        return {look: getattr(group, look) for look in LOOKS if getattr(group, look) and self.rng.random() < 0.5}

    def _labels(
        self, groups: Sequence[Any], masks: npt.NDArray[np.bool_], captions: Sequence[Caption]
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int8], npt.NDArray[np.int64]]:
        rng = self.rng
        parts = [rng.integers(CROP_SIDE * CROP_SIDE, size=PIXELS // 2)]
        filled = [np.flatnonzero(mask) for mask in masks if mask.any()]
        parts.extend(rng.choice(inside, (PIXELS - PIXELS // 2) // len(filled)) for inside in filled)
        pixels = np.concatenate(parts)
        pixels = np.append(pixels, rng.integers(CROP_SIDE * CROP_SIDE, size=PIXELS - len(pixels)))
        top = np.full(PIXELS, KINDS.index(BACKGROUND))
        targets = np.zeros((PIXELS, len(captions)), np.int8)
        order = sorted(range(len(groups)), key=lambda k: groups[k].kind not in WHOLE_FIELD)
        for number in order:
            top[masks[number, pixels]] = KINDS.index(groups[number].kind)
        is_yes, is_open = np.zeros_like(targets, bool), np.zeros_like(targets, bool)
        for group, mask in zip(groups, masks, strict=True):
            inside = mask[pixels]
            meanings = np.array([c.means(group) if c.kind != BACKGROUND else "no" for c in captions])
            is_yes |= inside[:, None] & (meanings == "yes")
            is_open |= inside[:, None] & (meanings == "open")
        for number, asked in enumerate(captions):
            if asked.kind == BACKGROUND:
                is_yes[:, number] = top == KINDS.index(BACKGROUND)
                is_open[:, number] |= np.isin(top, [KINDS.index(k) for k in WHOLE_FIELD])
        targets[is_open] = -1
        targets[is_yes] = 1
        return pixels, targets, top


def _cropped(values: npt.NDArray[Any], corner: tuple[int, int], stride: int) -> npt.NDArray[Any]:
    y, x, side = corner[0] // stride, corner[1] // stride, CROP_PX // stride
    return values[..., y : y + side, x : x + side]
