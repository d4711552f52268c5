"""What a rendered scene is: a picture, and for each group of objects in it what they are, how they look, and where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[Any]  # float32 as a rule
BoolArray = npt.NDArray[np.bool_]
RING_PX = 5  # around objects, against which their tone is judged
CLEAR_TONE = 0.35  # difference in standard deviations of the ring from which objects count as bright or dark
SMALL_SHARE, LARGE_SHARE = 1 / 32, 1 / 6  # of the frame: median diameters below and above


@dataclass(frozen=True, kw_only=True, eq=False)
class Group:
    """Objects of one kind in one scene.

    Attributes
    ----------
    kind : one of `nouns.KINDS`.
    mask : bool ndarray of shape (rows, cols), where they are.
    tone : "bright" or "dark" against their surroundings, or "" where neither is clear.
    form : "linear", "round", "angular", "irregular", "elongated", or "" where none is meant.
    size : "small" or "large" in the frame, or "".
    layout : "crowded", "isolated", "parallel", "network", or "".
    """

    kind: str
    mask: BoolArray
    tone: str = ""
    form: str = ""
    size: str = ""
    layout: str = ""


@dataclass(kw_only=True, eq=False)
class Canvas:
    """A picture in the making: grey values around 0 to 1, and the groups painted so far.

    Attributes
    ----------
    image : float32 ndarray of shape (rows, cols).
    groups : in the order in which they were painted; a later one covers an earlier one.
    """

    image: FloatArray
    groups: list[Group] = field(default_factory=list)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return (self.image.shape[0], self.image.shape[1])

    def add(self, kind: str, mask: BoolArray, *, form: str = "", diameter_px: float = 0.0, layout: str = "") -> None:
        """Note a group that was just painted; its tone is what the picture shows. Groups nobody sees are not noted."""
        if mask.sum() < 4:
            return
        share = diameter_px / min(self.shape)
        size = "" if diameter_px == 0 else "small" if share < SMALL_SHARE else "large" if share > LARGE_SHARE else ""
        tone = tone_of(self.image, mask)
        self.groups.append(Group(kind=kind, mask=mask, tone=tone, form=form, size=size, layout=layout))

    def blend(self, values: FloatArray | float, share: FloatArray) -> None:
        """Cover the picture with `values` where `share` is 1, and in part where it is less."""
        self.image = self.image + share * (values - self.image)


@dataclass(frozen=True, kw_only=True, eq=False)
class Scene:
    """A finished picture and its truth.

    Attributes
    ----------
    image : float32 ndarray of shape (rows, cols), as a detector gives it.
    groups : what is in it.
    name : of what it was made by.
    """

    image: FloatArray
    groups: tuple[Group, ...]
    name: str


def tone_of(image: FloatArray, mask: BoolArray) -> str:
    """Whether what lies in a mask is "bright" or "dark" against a ring around it, or "" where neither is clear."""
    from scipy import ndimage

    ring = ndimage.maximum_filter(mask, 2 * RING_PX + 1) & ~mask
    if ring.sum() < 4:
        return ""
    around = image[ring]
    difference = (float(image[mask].mean()) - float(around.mean())) / (float(around.std()) + 0.02)
    return "bright" if difference > CLEAR_TONE else "dark" if difference < -CLEAR_TONE else ""


def covered(groups: Sequence[Group], shape: tuple[int, int]) -> BoolArray:
    """Where any group is."""
    total = np.zeros(shape, bool)
    for group in groups:
        total |= group.mask
    return total
