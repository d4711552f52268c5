"""Read weights as tensors and nothing else, and fit them to a network."""

from __future__ import annotations

import pickle
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepscan_core.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor, nn


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

    try:
        if path.suffix == ".safetensors":
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
    return loaded


def fit_by_name(network: nn.Module, tensors: dict[str, Tensor], source: str) -> None:
    """Load tensors whose names and shapes are those of `network`; raises `InputError` with what differs."""
    wanted = network.state_dict()
    missing = sorted(set(wanted) - set(tensors))
    surplus = sorted(set(tensors) - set(wanted))
    wrong = sorted(k for k in set(wanted) & set(tensors) if wanted[k].shape != tensors[k].shape)
    if missing or surplus or wrong:
        named = ", ".join((missing + surplus + wrong)[:3])
        raise InputError(
            f"{source} does not fit the network: {len(missing)} tensors missing, {len(surplus)} unknown, "
            f"{len(wrong)} of another shape (first: {named}): give the weights of this backbone"
        )
    network.load_state_dict(tensors)


def fit_by_order(network: nn.Module, tensors: dict[str, Tensor], source: str) -> None:
    """Load tensors that stand in the network's own order under other names; raises `InputError` if shapes differ."""
    wanted = network.state_dict()
    if [t.shape for t in tensors.values()] != [t.shape for t in wanted.values()]:
        raise InputError(f"{source} does not fit the network: its {len(tensors)} tensors have other shapes")
    network.load_state_dict(dict(zip(wanted, tensors.values(), strict=True)))
