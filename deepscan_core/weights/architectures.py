"""Networks of timm by name, made without their classifiers and, where timm can, for images of any size."""

from __future__ import annotations

import difflib
import sys
from typing import TYPE_CHECKING, Any

from deepscan_core.errors import InputError, MissingError
from deepscan_core.weights.names import ALIASES, architecture_of, timm_name

if TYPE_CHECKING:
    from torch import nn

NEAR_NAMES = 4
COLOUR_CHANNELS = 3
ANY_SIZE = {"dynamic_img_size": True}  # of transformers whose positions or windows depend on the size of the image


def import_timm() -> Any:
    """The timm module; raises `MissingError` where it or torch is not installed."""
    try:
        _make_torchvision_importable()
        import timm
    except ImportError as error:
        raise MissingError(
            f"no network can be run ({error}): pip install torch timm, or use --backbone classical"
        ) from None
    return timm


def check_known(name: str) -> None:
    """Raise `InputError` with near names where timm has no such network."""
    timm = import_timm()
    architecture = architecture_of(name)
    if not timm.is_model(architecture):
        known = [*timm.list_models(), *ALIASES]
        near = difflib.get_close_matches(architecture.lower(), known, n=NEAR_NAMES, cutoff=0.5)
        meant = f"did you mean {', '.join(near)}?" if near else "give a model of timm, e.g. tf_efficientnet_lite0"
        raise InputError(f"backbone {name!r} is not known: {meant}")


def training_of(name: str) -> Any:
    """timm's record of how a network was trained: licence, hub, grey values.

    With a tag that timm does not know it is that of the architecture, from which only the grey values are of use.
    """
    timm = import_timm()
    known = timm_name(name) if knows_tag(name) else architecture_of(name)
    return timm.get_pretrained_cfg(known)


def knows_tag(name: str) -> bool:
    """Whether timm knows weights by this tag; a name without a tag stands for timm's first choice."""
    return bool(tags_of(name)) if "." not in timm_name(name) else timm_name(name) in tags_of(name)


def tags_of(name: str) -> list[str]:
    """Names with tags of all weights that timm knows for this architecture."""
    timm = import_timm()
    known: list[str] = timm.list_pretrained(f"{architecture_of(name)}.*")
    return known


def create_network(name: str, *, whole: bool = False) -> nn.Module:
    """A network with random weights, in evaluation mode.

    Parameters
    ----------
    name : a model of timm; a tag is not looked at.
    whole : with the classifier.

    Raises
    ------
    InputError
        No such model, or one that does not take images of three channels.
    """
    check_known(name)
    timm = import_timm()
    architecture = architecture_of(name)
    # The names of the keys are the same with and without; only the parameters that belong to the classifier are left out.
    settings: dict[str, Any] = {} if whole else {"num_classes": 0}
    try:
        network: nn.Module = timm.create_model(architecture, pretrained=False, **settings, **ANY_SIZE)
    except TypeError:  # most architectures take any size and do not know the word
        network = timm.create_model(architecture, pretrained=False, **settings)
    shape = getattr(network, "pretrained_cfg", {}).get("input_size") or (COLOUR_CHANNELS,)
    if shape[0] != COLOUR_CHANNELS:
        raise InputError(f"backbone {name} takes images of {shape[0]} channels, not {COLOUR_CHANNELS}: use another one")
    return network.eval()


def _make_torchvision_importable() -> None:
    """Let timm import a torchvision whose compiled part belongs to another build of torch.

    timm needs torchvision's Python part only. Where a CPU build of torch meets the usual torchvision wheel, the import
    fails at the first operator of the compiled part; declaring that operator, never called here, is enough.
    """
    import torch

    try:
        import torchvision
    except RuntimeError as error:
        if "torchvision::" not in str(error):
            raise
        for module in [m for m in sys.modules if m.split(".")[0] == "torchvision"]:
            del sys.modules[module]
        library = torch.library.Library("torchvision", "DEF")
        for operator in ("nms", "qnms"):
            library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _KEPT_ALIVE.append(library)
        import torchvision  # noqa: F401


_KEPT_ALIVE: list[Any] = []  # torch forgets declared operators together with the library object
