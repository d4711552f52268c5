"""The state of a training that goes on after an interruption as if there had been none."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

PARTS = ("decoder", "head", "averaged decoder", "averaged head", "optimiser")


def save_state(path: Path, parts: Mapping[str, Any], generators: Mapping[str, np.random.Generator], step: int) -> None:
    """Everything that the next step depends on; the schedule depends on the step alone."""
    randomness = {name: generator.bit_generator.state for name, generator in generators.items()}
    states = {name: part.state_dict() for name, part in parts.items()}
    torch.save({"states": states, "step": step, "randomness": json.dumps(randomness)}, path.with_suffix(".new"))
    path.with_suffix(".new").replace(path)


def restore_state(path: Path, parts: Mapping[str, Any], generators: Mapping[str, np.random.Generator]) -> int:
    """Put everything back and say which step was the last."""
    kept = torch.load(path, weights_only=True)
    for name, part in parts.items():
        part.load_state_dict(kept["states"][name])
    for name, state in json.loads(kept["randomness"]).items():
        generators[name].bit_generator.state = state
    step: int = kept["step"]
    return step


def averaged(module: nn.Module, share: float) -> torch.optim.swa_utils.AveragedModel:
    """A running mean of weights and statistics, in which each step counts `share` times the one after it."""
    return torch.optim.swa_utils.AveragedModel(
        module, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(share), use_buffers=True
    )
