"""A network compiled for this computer's processor: the same numbers in less than half of the time.

OpenVINO (Apache-2.0; processors of Intel, AMD and ARM) is used where it is installed. Torch's threads wait for each other
and lose most of their time where something else uses the processor, such as a live view; OpenVINO's do not.
"""

from __future__ import annotations

import importlib.util
import os
import threading
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from deepscan_core.features.folding import intermediate_maps

if TYPE_CHECKING:
    import torch
    from torch import nn

SIDES = (2, 3)  # of what is traced, and of what is compared, in units of the least side
RELATIVE_TOLERANCE = 1e-4
MAIN_THREAD_CORES = 1  # left to what is computed beside the network


def is_installed() -> bool:
    """Whether there is anything to compile with."""
    return importlib.util.find_spec("openvino") is not None


class CompiledNetwork:
    """A network for images of any size: from arrays to arrays, each of shape (1, channels, rows, cols) or in its own order.

    Parameters
    ----------
    network : in evaluation mode, from tensors to a tuple of tensors.
    examples : its inputs for images of two sizes: the first is traced, both are compared. Batch and channels are fixed.
    threads : that it may use.

    Raises
    ------
    ArithmeticError
        The compiled network gives other numbers than torch's.
    Exception
        Whatever the compiler raises for a network that it cannot compile.
    """

    def __init__(self, network: nn.Module, examples: Sequence[tuple[torch.Tensor, ...]], threads: int) -> None:
        import torch

        self._lock = threading.Lock()
        self._model = _compile(_traced(network, examples[0]), examples[0], threads)
        for example in examples:
            with torch.inference_mode():
                expected = [maps.numpy() for maps in network(*example)]
            for found, wanted in zip(self(*(value.numpy() for value in example)), expected, strict=True):
                if not np.allclose(found, wanted, atol=RELATIVE_TOLERANCE * float(np.abs(wanted).max()), rtol=0):
                    raise ArithmeticError("the compiled network gives other numbers")

    def __call__(self, *inputs: npt.NDArray[np.float32]) -> list[npt.NDArray[np.float32]]:
        """What the network makes of its inputs, as a list of arrays."""
        with self._lock:  # one request at a time, whose memory is used again
            results = self._model(list(inputs))
            return [np.array(results[output]) for output in self._model.outputs]


def compiled(network: nn.Module, examples: Sequence[tuple[torch.Tensor, ...]], threads: int) -> CompiledNetwork | None:
    """The network compiled, or None where that is not possible, or not the same: then torch runs it."""
    if not is_installed():
        return None
    try:
        return CompiledNetwork(network, examples, threads)
    except Exception as error:  # whatever a compiler says of a network that it does not know
        import logging

        logging.getLogger(__name__).info("a network is run by torch, not compiled: %s", str(error).splitlines()[:1])
        return None


def compiled_maps(
    network: nn.Module, indices: tuple[int, ...], n_channels: int, multiple_px: int
) -> CompiledNetwork | None:
    """A backbone's intermediate maps compiled, or None; see `compiled`.

    Parameters
    ----------
    network : in evaluation mode, with timm's ``forward_intermediates``.
    indices : of the maps.
    n_channels : of the input, which has the shape (1, n_channels, rows, cols).
    multiple_px : what sides are multiples of.
    """
    from torch import nn

    class Maps(nn.Module):
        """What is compiled: from an image to the maps alone."""

        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, batch: torch.Tensor) -> tuple[torch.Tensor, ...]:
            return tuple(intermediate_maps(self.network, indices, batch))

    examples = [(example(n_channels, multiple_px * side, multiple_px * (side + 1)),) for side in SIDES]
    return compiled(Maps().eval(), examples, n_threads())


def example(n_channels: int, rows: int, cols: int) -> torch.Tensor:
    """An input of shape (1, n_channels, rows, cols), the same each time."""
    import torch

    return torch.rand((1, n_channels, rows, cols), generator=torch.Generator().manual_seed(rows))


def _traced(network: nn.Module, inputs: tuple[torch.Tensor, ...]) -> Any:
    import torch

    with torch.inference_mode(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns of sizes that become fixed; they are compared afterwards
        return torch.jit.trace(network, inputs, check_trace=False)


def _compile(traced: Any, inputs: tuple[torch.Tensor, ...], threads: int) -> Any:
    import openvino
    from openvino.frontend import FrontEndManager
    from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder

    frontend = FrontEndManager().load_by_framework("pytorch")
    decoder = TorchScriptPythonDecoder(traced)  # the compiler's own reference to it does not keep it
    model = frontend.convert(frontend.load(decoder))
    model.reshape({port: [*value.shape[:2], -1, -1] for port, value in zip(model.inputs, inputs, strict=True)})
    options = {
        "INFERENCE_NUM_THREADS": threads,
        "INFERENCE_PRECISION_HINT": "f32",
        "PERFORMANCE_HINT": "LATENCY",
        "ENABLE_CPU_PINNING": False,  # others use these cores too
    }
    return openvino.Core().compile_model(model, "CPU", options)


def n_threads() -> int:
    """Torch's number of threads, but for the core on which the rest is computed meanwhile."""
    import torch

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(torch.get_num_threads(), cores - MAIN_THREAD_CORES))
