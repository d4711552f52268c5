"""A small stand-in for JEOL's PyJEM with the signatures of its manual 1.3.5, on a DeepScan specimen.

https://pyjem.github.io/PyJEM/, pages PyJEM.detector.function and PyJEM.TEM3. What the manual does not say, such as the
sense of the scan rotation, is as the controller takes it to be: passing here says nothing about a microscope.
"""

from __future__ import annotations

import copy
import dataclasses
import math
import threading
import time
from types import SimpleNamespace
from typing import Any

import numpy as np

from deepscan_core.records.coordinates import SamplingGrid, ScanContext
from deepscan_core.records.costs import ScanCosts
from deepscan_core.simulation.physics import IDEAL, Exposure, record_frame
from deepscan_core.simulation.specimens import Specimen

FIELD_MM, FOV_NM, CURRENT_PA = 100.0, 16.0, 200.0
SLICE_S = 0.005
#: by how much what is seen moves, as (y, x), when the stage goes 1 nm along its x, and along its y: turned and mirrored
STAGE_AXES = ((0.6, -0.8), (-0.8, -0.6))
STAGE_NM_PER_S = 1e3


class StandIn:
    """Has the attributes `TEM3` and `detector`, and what tests ask of it.

    Parameters
    ----------
    specimen : under the beam.
    rotation_rad : of the scan.
    area_mode : which number it calls Area.
    """

    def __init__(self, specimen: Specimen, rotation_rad: float = 0.0, *, area_mode: int = 1) -> None:
        self.blanked, self.is_live, self.exposed_s, self.snapshots = 0, True, 0.0, 0
        self.area_mode = area_mode
        self.settings: dict[str, Any] = {
            "scanMode": 0,
            "ExposureTimeValue": 1.0,
            "frameIntegration": 1,
            "ImagingArea": {"X": 0, "Y": 0, "Width": 128, "Height": 128},
            "AreaModeImagingArea": {"Left": 32, "Top": 32, "Width": 64, "Height": 64},
            "ScanRotation": math.degrees(rotation_rad),
        }
        self._specimen, self._rng, self._lock = specimen, np.random.default_rng(3), threading.Lock()
        self.magnification = FIELD_MM * 1e6 / FOV_NM
        self.stage_nm, self._stage_goal, self._stage_since = [120.0, -35.0], [120.0, -35.0], time.monotonic()
        outer = self

        class Stage3:
            def GetPos(self) -> list[float]:
                return [*outer.move_on(), 0.0, 0.0, 0.0]

            def GetStatus(self) -> list[int]:
                return [int(a != b) for a, b in zip(outer.move_on(), outer._stage_goal, strict=True)] + [0, 0, 0]

            def SetX(self, value: float) -> None:
                outer.move_on()
                outer._stage_goal[0] = value

            def SetY(self, value: float) -> None:
                outer.move_on()
                outer._stage_goal[1] = value

        class Def3:
            def GetBeamBlank(self) -> int:
                return outer.blanked

            def SetBeamBlank(self, sw: int) -> None:
                assert sw in (0, 1)
                outer.blanked = sw

        class EOS3:
            def GetMagValue(self) -> list[Any]:
                return [int(outer.magnification), "X", f"X{outer.magnification / 1e3:g}k"]

        class Detector:
            def __init__(self, det: str) -> None:
                assert det == "ADF1"

            def get_detectorsetting(self) -> dict[str, Any]:
                return copy.deepcopy(outer.settings)

            def set_scanmode(self, value: int) -> dict[str, Any]:
                return outer.set("scanMode", value)

            def set_exposuretime_value(self, value: float) -> dict[str, Any]:
                return outer.set("ExposureTimeValue", min(1000.0, max(0.1, value)))

            def set_frameintegration(self, value: int) -> dict[str, Any]:
                return outer.set("frameIntegration", value)

            def set_scanrotation(self, value: float) -> dict[str, Any]:
                return outer.set("ScanRotation", value)

            def set_imaging_area(self, Width: int, Height: int, X: Any = None, Y: Any = None) -> dict[str, Any]:
                return outer.set("ImagingArea", {"X": X, "Y": Y, "Width": Width, "Height": Height})

            def set_areamode_imagingarea(self, Width: int, Height: int, X: Any = None, Y: Any = None) -> dict[str, Any]:
                return outer.set("AreaModeImagingArea", {"Left": X, "Top": Y, "Width": Width, "Height": Height})

            def livestart(self) -> dict[str, str]:
                outer.is_live = True
                return {"status": "OK"}

            def livestop(self) -> dict[str, str]:
                outer.is_live = False
                return {"status": "OK"}

            def snapshot_rawdata(self) -> bytes:
                return outer.snapshot()

        self.TEM3 = SimpleNamespace(Def3=Def3, EOS3=EOS3, Stage3=Stage3)
        self.detector = SimpleNamespace(Detector=Detector, get_attached_detector=lambda: ["ADF1"])

    def move_on(self) -> list[float]:
        """Where the stage has come to by now."""
        now = time.monotonic()
        reach, self._stage_since = (now - self._stage_since) * STAGE_NM_PER_S, now
        for axis, goal in enumerate(self._stage_goal):
            left = goal - self.stage_nm[axis]
            self.stage_nm[axis] = goal if abs(left) <= reach else self.stage_nm[axis] + math.copysign(reach, left)
        return list(self.stage_nm)

    def set(self, name: str, value: Any) -> dict[str, Any]:
        self.settings[name] = value
        return {name: value}

    def snapshot(self) -> bytes:
        """One frame, which goes on to its end whatever happens to the beam."""
        with self._lock:
            self.snapshots += 1
            grid = self._grid()
            dwell_us, repeats = self.settings["ExposureTimeValue"], self.settings["frameIntegration"]
            lit, left_s = 0.0, repeats * grid.rows * grid.cols * dwell_us * 1e-6
            total_s = left_s
            while left_s > 0:
                before = time.monotonic()
                time.sleep(min(SLICE_S, left_s))
                passed = min(left_s, time.monotonic() - before)
                left_s -= passed
                lit += 0.0 if self.blanked else passed
            self.exposed_s += lit
            exposure = Exposure(
                grid=grid, dwell_time_us=dwell_us, beam_current_pa=CURRENT_PA, started_s=0.0, costs=ScanCosts()
            )
            values = record_frame(self._specimen, exposure, self._rng, physics=IDEAL, dose=None)
            if lit < total_s / 2:
                values = np.zeros_like(values)
            return np.clip(np.rint(values), 0, 65535).astype("<u2").tobytes()

    def _grid(self) -> SamplingGrid:
        """What is scanned, with the stage where it is; it was at (120, -35) nm when the specimen lay in the middle."""
        grid, (x, y) = self._grid_at_home(), self.move_on()
        moved = (np.array(STAGE_AXES).T @ (x - 120.0, y + 35.0)).tolist()
        return dataclasses.replace(
            grid, center_y_nm=grid.center_y_nm - moved[0], center_x_nm=grid.center_x_nm - moved[1]
        )

    def _grid_at_home(self) -> SamplingGrid:
        """What the present mode scans, on the specimen; Spot is a mistake here."""
        assert self.settings["scanMode"] in (0, self.area_mode), "the beam stands on one spot"
        whole = self.settings["ImagingArea"]
        context = ScanContext(
            rows=whole["Height"],
            cols=whole["Width"],
            fov_y_nm=FOV_NM,
            fov_x_nm=FOV_NM,
            rotation_rad=math.radians(self.settings["ScanRotation"]),
        )
        if self.settings["scanMode"] == 0:
            return context.on_specimen()
        part, pitch_nm = self.settings["AreaModeImagingArea"], FOV_NM / whole["Width"]
        assert part["Left"] + part["Width"] <= whole["Width"]
        assert part["Top"] + part["Height"] <= whole["Height"]
        center_nm = [
            (part[start] + part[side] / 2) * pitch_nm - FOV_NM / 2
            for start, side in (("Top", "Height"), ("Left", "Width"))
        ]
        y_nm, x_nm = context.specimen_from_nm((center_nm[0], center_nm[1]))
        return SamplingGrid(
            rows=part["Height"],
            cols=part["Width"],
            height_nm=part["Height"] * pitch_nm,
            width_nm=part["Width"] * pitch_nm,
            center_y_nm=y_nm,
            center_x_nm=x_nm,
            ccw_rad=-context.rotation_rad,
        )
