"""Memory that looking at an image takes, against what was estimated before: each case in a process of its own.

    python benchmarks/memory.py [--sides 512 1024 2048 4096] [--backbones classical tf_efficientnet_lite0]

`estimated` must not be less than `used`, or an image would be let through that does not fit.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import threading

import psutil

MB = 1e6
INTERVAL_S = 0.002


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sides", type=int, nargs="+", default=[512, 1024, 2048, 4096])
    parser.add_argument("--backbones", nargs="+", default=["classical", "tf_efficientnet_lite0"])
    arguments = parser.parse_args()
    for backbone in arguments.backbones:
        for side in arguments.sides:
            case = json.dumps({"backbone": backbone, "side": side})
            print(
                subprocess.run(
                    [sys.executable, __file__, "--case", case], check=True, text=True, capture_output=True
                ).stdout.strip()
            )


class Watch:
    """Looks at the resident memory of this process every few milliseconds."""

    def __enter__(self) -> Watch:
        self._process = psutil.Process()
        self.before_bytes = self.most_bytes = self._process.memory_info().rss
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._done.wait(INTERVAL_S):
            self.most_bytes = max(self.most_bytes, self._process.memory_info().rss)


def measure(backbone: str, side: int) -> dict[str, float | str]:
    """Growth of the resident memory of this process over what the loaded libraries and models take."""
    import numpy as np

    from deepscan_core import CalibratedImage, Study
    from deepscan_core.features.backbones import load_backbone
    from deepscan_core.features.extractor import LARGEST_WHOLE_PX, tile_px
    from deepscan_core.features.footprint import pipeline_bytes

    rng = np.random.default_rng(0)
    array = rng.poisson(50, (side, side)).astype(np.float32)
    Study(CalibratedImage(array[:64, :64]), backbone=backbone).surprisal()
    network = None if backbone == "classical" else load_backbone(backbone)
    seen_px = tile_px((side, side)) if side**2 > LARGEST_WHOLE_PX else None
    estimated = pipeline_bytes((side, side), (1.0,), network, seen_px=seen_px)
    with Watch() as watch:
        study = Study(CalibratedImage(array), backbone=backbone)
        study.measure(study.regions(study.surprisal(), area_fraction=0.15))
    used, before = watch.most_bytes - watch.before_bytes, watch.before_bytes
    return {
        "backbone": backbone,
        "side_px": side,
        "used_mb": round(used / MB),
        "estimated_mb": round(estimated / MB),
        "before_mb": round(before / MB),
    }


if __name__ == "__main__":
    if sys.argv[1:2] == ["--case"]:
        print(json.dumps(measure(**json.loads(sys.argv[2]))))
    else:
        main()
