"""From array to Mode A map: time, and its ratio to one full forward pass of the default backbone in the same run.

    python benchmarks/latency.py [--side 512] [--repeats 15]

Models are loaded and warm; every image is new, so that nothing of it can have been kept. The two are measured in turns, so
that whatever else the computer does meets both. Times depend on the computer; the ratio does much less.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import time
from collections.abc import Callable

import numpy as np

from deepscan_core import CalibratedImage, Study
from deepscan_core.features.backbones import DEFAULT_BACKBONE, load_backbone
from deepscan_core.weights.architectures import import_timm


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=512)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()

    timm = import_timm()
    import torch

    torch.set_num_threads(arguments.threads)
    network = timm.create_model(DEFAULT_BACKBONE).eval()
    tensor = torch.randn(1, 3, arguments.side, arguments.side)
    rng = np.random.default_rng(0)
    load_backbone()

    def forward() -> None:
        with torch.inference_mode():
            network(tensor)

    images = iter([rng.normal(100, 10, (arguments.side, arguments.side)) for _ in range(arguments.repeats + 2)])

    def surprisal() -> None:
        Study(CalibratedImage(next(images))).surprisal()

    for work in (forward, surprisal):
        work()
        work()
    forward_ms, surprisal_ms = [], []
    for _ in range(arguments.repeats):
        forward_ms.append(milliseconds(forward))
        surprisal_ms.append(milliseconds(surprisal))
    ratios = [s / f for s, f in zip(surprisal_ms, forward_ms, strict=True)]
    print(
        json.dumps(
            {
                "side_px": arguments.side,
                "threads": arguments.threads,
                "surprisal_ms": spread(surprisal_ms),
                "forward_ms": spread(forward_ms),
                "ratio": spread(ratios),
                "peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
            },
            indent=2,
        )
    )


def milliseconds(work: Callable[[], None]) -> float:
    """Time of one call."""
    begun = time.perf_counter()
    work()
    return (time.perf_counter() - begun) * 1e3


def spread(values: list[float]) -> dict[str, float]:
    """Smallest, median and largest."""
    return {
        "min": round(min(values), 2),
        "median": round(statistics.median(values), 2),
        "max": round(max(values), 2),
    }


if __name__ == "__main__":
    main()
