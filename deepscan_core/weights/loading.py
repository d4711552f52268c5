"""Read weights as tensors and nothing else, and fit them to a network."""

from __future__ import annotations

import pickle
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepscan_core.errors import InputError
from deepscan_core.files import check_file

if TYPE_CHECKING:
    from torch import Tensor, nn

NAMED_KEYS = 3
COUNTER = "num_batches_tracked"  # of batch normalisation in training; nothing at inference, and left out by some
WRAPPERS = ("module.", "_orig_mod.")  # what training on several GPUs, and compiling, put before every name


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Tensors of a ``.safetensors`` file, or of a ``.pth`` / ``.pt`` / ``.bin`` one read with ``weights_only=True``.

    Raises
    ------
    InputError
        The file cannot be read, or holds anything but named tensors.
    """
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    check_file(path, "give .safetensors or .pth")
    try:
        if path.suffix.lower() == ".safetensors":
            return load_file(path)
        with warnings.catch_warnings():  # about pickle protocols; what cannot be read is refused below
            warnings.simplefilter("ignore", UserWarning)
            loaded: Any = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError, SafetensorError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"{path} cannot be read as weights ({reason[:160]}): give .safetensors or .pth") from None
    for key in ("state_dict", "model"):
        if isinstance(loaded, dict) and isinstance(loaded.get(key), dict):
            loaded = loaded[key]
    if not isinstance(loaded, dict) or not all(isinstance(value, torch.Tensor) for value in loaded.values()):
        raise InputError(f"{path} holds no table of named tensors: give the state dict of a network")
    if not all(isinstance(name, str) for name in loaded):
        raise InputError(f"{path} holds tensors without names: give the state dict of a network")
    return loaded


def save_tensors(tensors: dict[str, Tensor], path: Path) -> None:
    """Write a ``.safetensors`` file; the same tensors always give the same bytes."""
    from safetensors.torch import save_file

    save_file({name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}, path)


def fit(network: nn.Module, tensors: dict[str, Tensor], source: str) -> None:
    """Load the tensors of a checkpoint into a network of timm that was made without its classifier.

    Names are timm's, or those of the network's authors if timm's own conversion of this architecture knows them. Tensors of
    the classifier are left out.

    Raises
    ------
    InputError
        Names or shapes differ: says how many, and the first of them. Or a value is not finite.
    """
    unwrapped = _unwrapped(tensors)
    try:
        fit_by_name(network, _without_classifier(network, unwrapped), source)
    except InputError:
        converted = _converted_by_timm(network, unwrapped)
        if converted is None or difference(network, _without_classifier(network, converted)):
            raise
        fit_by_name(network, _without_classifier(network, converted), source)


def fit_by_name(network: nn.Module, tensors: dict[str, Tensor], source: str) -> None:
    """Load tensors whose names and shapes are those of `network`; raises `InputError` with what differs."""
    import torch

    report = difference(network, tensors)
    if report:
        raise InputError(f"{source} does not fit the network: {report}: give the weights of this backbone")
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise InputError(f"{source} holds values that are not finite (first in {name}): give a sound checkpoint")
    counters = {name: value for name, value in network.state_dict().items() if name.endswith(COUNTER)}
    network.load_state_dict(counters | tensors)


def difference(network: nn.Module, tensors: dict[str, Tensor]) -> str:
    """How names and shapes of tensors differ from those of a network, in one line; empty if they do not."""
    wanted = network.state_dict()
    missing = [name for name in wanted if name not in tensors and not name.endswith(COUNTER)]
    surplus = [name for name in tensors if name not in wanted]
    wrong = [
        f"{name} {tuple(tensors[name].shape)} instead of {tuple(wanted[name].shape)}"
        for name in wanted
        if name in tensors and tensors[name].shape != wanted[name].shape
    ]
    parts = (_count(missing, "missing"), _count(surplus, "unknown"), _count(wrong, "of another shape"))
    return ", ".join(part for part in parts if part)


def in_order(network: nn.Module, tensors: dict[str, Tensor], source: str) -> dict[str, Tensor]:
    """Tensors that stand in a network's own order under other names, by its names; raises `InputError` if shapes differ."""
    wanted = network.state_dict()
    if [t.shape for t in tensors.values()] != [t.shape for t in wanted.values()]:
        raise InputError(f"{source} does not fit the network: its {len(tensors)} tensors have other shapes")
    return dict(zip(wanted, tensors.values(), strict=True))


def _count(names: Sequence[str], what: str) -> str:
    if not names:
        return ""
    shown = ", ".join("".join(c if c.isprintable() else "?" for c in name[:80]) for name in names[:NAMED_KEYS])
    return f"{len(names)} tensors {what} (first: {shown})"


def _unwrapped(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    for wrapper in WRAPPERS:
        if tensors and all(name.startswith(wrapper) for name in tensors):
            tensors = {name.removeprefix(wrapper): tensor for name, tensor in tensors.items()}
    return tensors


def _without_classifier(network: nn.Module, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Without tensors that the network has no place for and that belong to the classifier, by timm's record of its name."""
    settings: Any = getattr(network, "pretrained_cfg", {})
    named = settings.get("classifier") or ()
    classifiers = {name.split(".")[0] + "." for name in ([named] if isinstance(named, str) else named)}
    wanted = network.state_dict()
    return {n: t for n, t in tensors.items() if n in wanted or not any(n.startswith(c) for c in classifiers)}


def _converted_by_timm(network: nn.Module, tensors: dict[str, Tensor]) -> dict[str, Tensor] | None:
    """The tensors by timm's names, through timm's conversion of its authors' checkpoints; None if it cannot."""
    module = sys.modules[type(network).__module__]
    by_name_only = getattr(module, "_filter_fn", None)  # timm's older modules call it this, and give it no network
    convert = getattr(module, "checkpoint_filter_fn", None)
    if convert is None and by_name_only is None:
        return None
    try:
        converted: Any = convert(dict(tensors), network) if convert else by_name_only(dict(tensors))  # type: ignore[misc]
    except Exception:  # it expects the checkpoints it was written for, and fails in any way on others
        return None
    return converted if isinstance(converted, dict) else None
