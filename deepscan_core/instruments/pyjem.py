"""JEOL microscopes through JEOL's own package PyJEM. **Not yet tried on an instrument**, but on a stand-in alone.

What is used is published, with these signatures, in JEOL's manual, version 1.3.5:

* https://pyjem.github.io/PyJEM/ -> ``PyJEM.detector.function``: ``get_attached_detector``, ``Detector`` with
  ``get_detectorsetting``, ``set_scanmode``, ``set_imaging_area``, ``set_areamode_imagingarea``, ``set_exposuretime_value``,
  ``set_frameintegration``, ``set_scanrotation``, ``snapshot_rawdata``, ``livestop``
* the same -> ``PyJEM.TEM3``: ``EOS3.GetMagValue``, ``Def3.GetBeamBlank``, ``Def3.SetBeamBlank``, ``Stage3.GetPos``,
  ``Stage3.GetStatus``, ``Stage3.SetX``, ``Stage3.SetY``
* the same -> Tutorial, "Sample code (detector)": the keys of ``get_detectorsetting``

What is not published, or not clearly, is asked of a person, read back, or not offered (``docs/pyjem.md``):

* The number of the scan mode Area: the manual says 1 and calls 3 Spot, programs in use say the opposite. Spot puts the
  whole current on one place, so nobody guesses here.
* The size of the field: TEMCenter gives the magnification alone.
* The sense of the scan rotation, so steps are not turned; and whether a live view runs, so it is stopped and stays so.
"""

from __future__ import annotations

import dataclasses
import math
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from deepscan_core.acquisition.controller import BeamRest, Capabilities
from deepscan_core.acquisition.limits import check_context, check_rest, check_stage, check_step
from deepscan_core.errors import (
    InputError,
    InstrumentError,
    InstrumentTaken,
    RunAborted,
    UnsupportedStep,
)
from deepscan_core.instruments import pyjem_settings
from deepscan_core.instruments.leases import Leases
from deepscan_core.instruments.pyjem_frames import Snapshot, choose, decoded, import_pyjem
from deepscan_core.instruments.pyjem_settings import SCAN, Area
from deepscan_core.instruments.stage import check_position
from deepscan_core.records.coordinates import YX, SamplingGrid, ScanContext, check_positive
from deepscan_core.records.costs import ScanCosts, dose_e_per_nm2, electrons
from deepscan_core.records.frames import ScanFrame
from deepscan_core.records.protocol import ScanStep

NOT_TRIED = "the controller for PyJEM was not yet tried on an instrument: watch the microscope, and begin with --check"
FULL_MODE = 0
DWELL = "ExposureTimeValue"
CAPABILITIES = Capabilities(
    center=False,
    rotation=False,
    non_square_context=False,
    blanker=True,
    park=False,
    stage=False,
    line_abort=True,
    view=False,
    shortest_dwell_us=0.1,
    longest_dwell_us=1000.0,
    largest_frame_px=pyjem_settings.LARGEST_AREA_PX,
)
ABORT_PERIOD_S = 0.01
RESERVE_S = 0.2  # as for Nion's scan units: nothing is published, and nothing was measured
LIT_RESERVE_S = 2 * ABORT_PERIOD_S  # an abort closes the blanker
LATEST_END_S = 10.0  # beyond what a frame should take
_LEASES = Leases()


class PyJemController:
    """A `ScanController` for STEM with TEMCenter.

    Parameters
    ----------
    field_mm : width of the whole field times the magnification, as calibrated on this microscope.
    area_mode : number of the scan mode Area in TEMCenter, 1 or 3; find it out with the beam blanked.
    detector : name of the STEM detector; None where only one is attached.
    beam_current_pa : of the probe, which PyJEM does not tell.
    stage_axes : by how much what is seen moves, in nm as (y, x) on the unturned scan, when the stage goes 1 nm along its x,
        and along its y; None leaves the stage alone. It is published nowhere: measure it.
    pyjem : the package, or what stands in for it; None imports it.
    clock : seconds, for `ScanFrame.started_s`.

    Raises
    ------
    MissingError
        PyJEM is not installed.
    """

    def __init__(
        self,
        *,
        field_mm: float,
        area_mode: int,
        detector: str | None = None,
        beam_current_pa: float | None = None,
        stage_axes: tuple[YX, YX] | None = None,
        pyjem: Any = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        check_positive("field_mm", field_mm)
        if area_mode not in (1, 3):
            raise InputError(f"area_mode is {area_mode!r}: give 1 or 3, whichever TEMCenter calls Area")
        self.capabilities = dataclasses.replace(CAPABILITIES, stage=stage_axes is not None)
        self._pyjem = import_pyjem() if pyjem is None else pyjem
        self._field_nm = field_mm * 1e6
        self._area_mode = area_mode
        self._detector_name = choose(self._pyjem.detector.get_attached_detector(), detector)
        self._detector = self._pyjem.detector.Detector(self._detector_name)
        self._deflectors, self._optics = self._pyjem.TEM3.Def3(), self._pyjem.TEM3.EOS3()
        self._stage = None if stage_axes is None else pyjem_settings.stage_of(self._pyjem.TEM3.Stage3(), stage_axes)
        self._current_pa = beam_current_pa
        self._clock = clock
        self._found: dict[str, Any] | None = None  # parameters at prepare
        self._last_set: dict[str, Any] | None = None  # scan settings as the last step left them
        self._running: Snapshot | None = None
        self._aborted = threading.Event()
        self._recording = threading.Event()

    @property
    def name(self) -> str:
        """The instrument and its detector."""
        return f"JEOL microscope ({self._detector_name})"

    @property
    def costs(self) -> ScanCosts:
        """The defaults of `ScanCosts`, since PyJEM tells none; the beam is on from before a frame until after it."""
        return ScanCosts(blanks_when_idle=False, reserve_s=RESERVE_S, lit_reserve_s=LIT_RESERVE_S)

    def now_s(self) -> float:
        """See `ScanController.now_s`."""
        return self._clock()

    def wait(self, seconds: float) -> None:
        """See `ScanController.wait`."""
        time.sleep(seconds)

    def context(self) -> ScanContext:
        """The whole field, as TEMCenter is set now or was at `prepare`."""
        found = self._found or self.parameters()
        _, _, cols, rows = found["scan"]["ImagingArea"]
        fov_nm = self._field_nm / found["magnification"]
        return ScanContext(
            rows=rows,
            cols=cols,
            fov_y_nm=fov_nm * rows / cols,
            fov_x_nm=fov_nm,
            rotation_rad=math.radians(found["scan_rotation_deg"]),
            beam_current_pa=self._current_pa,
            channels=(self._detector_name,),
        )

    def preview(self) -> ScanFrame:
        """Record the whole field, at the dwell time TEMCenter is set to; scan mode and blanker are left as they were."""
        context = self.context()
        check_context(context, self.capabilities)
        self._await_end()
        before, was_blanked = self._scan_settings(), self.is_blanked
        self._blank(True)
        try:
            self._write({**before, "scanMode": FULL_MODE, "frameIntegration": 1})
            self._blank(False)
            return self._record(context, None, before[DWELL], context.rows, context.cols)
        finally:
            self._blank(True)
            self._await_end()
            self._write(before)
            self._blank(was_blanked)

    def prepare(self) -> None:
        """Stop the live view and remember what steps change."""
        self._aborted.clear()
        if not _LEASES.take(self._pyjem, self):
            raise InstrumentTaken(f"{self.name} is used by another run of DeepScan: wait until that is done")
        try:
            self._await_end()
            self._detector.livestop()
            self._found = self.parameters()
            if self._stage is not None:
                self._stage.remember()
            self._last_set = self._found["scan"]
        finally:
            if self._found is None:
                _LEASES.give_back(self._pyjem, self)

    def scan(self, step: ScanStep) -> ScanFrame:
        """Set the area of a step with the beam off, read it back, then let the beam through for one frame."""
        context = self.context()
        check_context(context, self.capabilities)
        check_step(step, context, self.capabilities)
        area = pyjem_settings.area_of(step, context)
        self._await_end()
        if self._aborted.is_set():
            raise RunAborted(f"aborted before step {step.order}", nothing_exposed=True)
        if self._last_set is not None and self._scan_settings() != self._last_set:
            raise InstrumentTaken(f"somebody has set {self.name}: the run waits, Resume goes on", nothing_exposed=True)
        was_blanked = self.is_blanked
        if not was_blanked:
            self._blank(True)  # modes and areas are changed in the dark
        try:
            done = self._set(step, area)
            self._blank(False)
            return self._record(context, step, done[DWELL], step.rows, step.cols, area)
        finally:
            self._blank(True)
            if not was_blanked and self._found is None and self._running is None:
                self._blank(False)

    @property
    def is_blanked(self) -> bool:
        """Whether the beam is off the specimen."""
        return bool(self._deflectors.GetBeamBlank())

    def move_stage(self, to_nm: YX) -> YX:
        """See `ScanController.move_stage`."""
        check_stage(self.capabilities)
        if self._stage is None:
            raise InstrumentError(f"the stage of {self.name} was not set up: give stage_axes", nothing_exposed=True)
        self._await_end()
        return self._stage.go_in(self.context(), to_nm)

    def take(self) -> None:
        """Go on with what somebody else has set: the next step sets all that it needs."""
        self._await_end()
        self._detector.livestop()
        self._last_set = self._scan_settings()

    def rest(self, where: BeamRest) -> None:
        """Blank the beam; it cannot be parked."""
        check_rest(where, self.capabilities)
        self._blank(True)

    def restore(self, *, beam: bool = False) -> None:
        """Put back what `prepare` remembered; the view stays stopped even with `beam`, since nobody knows if it ran."""
        found, self._found = self._found, None
        self._last_set = None
        try:
            if found is not None:
                self._await_end()
                try:
                    if self._stage is not None:
                        self._stage.go_home()
                finally:
                    self._write(found["scan"])
                if beam:
                    self._blank(found["blanked"])
        finally:
            self._aborted.clear()
            _LEASES.give_back(self._pyjem, self)

    def parameters(self) -> dict[str, Any]:
        """Settings of the scan, its rotation, the magnification, and whether the beam is blanked."""
        told = self._detector.get_detectorsetting()
        return {
            "scan": pyjem_settings.scan_settings(told),
            "scan_rotation_deg": float(told["ScanRotation"]),
            "magnification": float(self._optics.GetMagValue()[0]),
            "blanked": self.is_blanked,
            **({} if self._stage is None else {"stage_nm": list(self._stage.position_nm)}),
        }

    def restore_parameters(self, parameters: Mapping[str, Any]) -> None:
        """See `ScanController.restore_parameters`; a magnification that was changed has to be set back by hand."""
        pyjem_settings.check(parameters, has_stage=self._stage is not None)
        present = self.parameters()
        changed = {name: value for name, value in parameters.items() if present[name] != value}
        if not changed:
            return
        if not _LEASES.take(self._pyjem, self):
            raise InstrumentTaken(f"{self.name} is used by another run of DeepScan: wait until that is done")
        try:
            self._await_end()
            if changed.get("blanked"):
                self._blank(True)
            if "stage_nm" in changed and self._stage is not None:
                self._stage.to_position(check_position(changed["stage_nm"]))
            if "scan" in changed:
                self._write(changed["scan"])
            if "scan_rotation_deg" in changed:
                self._detector.set_scanrotation(changed["scan_rotation_deg"])
            if changed.get("blanked") is False:
                self._blank(False)
        finally:
            _LEASES.give_back(self._pyjem, self)
        if "magnification" in changed:
            raise InstrumentError(
                f"the magnification is {present['magnification']:g} and was {changed['magnification']:g}: "
                "set it back by hand, PyJEM has no way to set a value"
            )

    def abort(self) -> None:
        """Take the beam off within some 10 ms; TEMCenter ends its frame in the dark, and the next call waits for that."""
        if self._recording.is_set() or self._found is not None:
            self._aborted.set()

    def _set(self, step: ScanStep, area: Area) -> dict[str, Any]:
        """Set everything for a step, and refuse it where TEMCenter makes something else of it."""
        wanted: dict[str, Any] = {
            "scanMode": self._area_mode,
            DWELL: float(step.dwell_time_us),
            "frameIntegration": 1,
            "ImagingArea": [0, 0, area.field_px, area.field_px],
            "AreaModeImagingArea": [area.left_px, area.top_px, step.cols, step.rows],
        }
        self._write(wanted)
        done = self._last_set = self._scan_settings()
        for name in SCAN:
            is_same = (
                math.isclose(done[name], wanted[name], rel_tol=1e-3) if name == SCAN[1] else done[name] == wanted[name]
            )
            if not is_same:
                raise UnsupportedStep(
                    f"step {step.order} asks for {name} = {wanted[name]}: TEMCenter made it {done[name]}"
                )
        return done

    def _record(
        self,
        context: ScanContext,
        step: ScanStep | None,
        dwell_us: float,
        rows: int,
        cols: int,
        area: Area | None = None,
    ) -> ScanFrame:
        started_s = self._clock()
        expected_s = ScanCosts().frame_time_s(rows, cols, dwell_us)
        content = self._snapshot("the preview" if step is None else f"step {step.order}", expected_s)
        values = decoded(content, rows, cols)
        size_nm = context.fov_nm if step is None else step.size_nm
        current_pa = self._current_pa
        scanned: SamplingGrid | None = None
        if step is not None and area is not None:
            scanned = area.grid(step, context)
        return ScanFrame(
            values=values,
            channel=self._detector_name,
            context=context,
            step=step,
            dwell_time_us=dwell_us,
            dose_e_per_nm2=None if current_pa is None else dose_e_per_nm2(rows, cols, dwell_us, current_pa, *size_nm),
            total_electrons=None if current_pa is None else electrons(rows, cols, dwell_us, current_pa),
            started_s=started_s,
            duration_s=self._clock() - started_s,
            metadata={"instrument": self.name, "settings": self._scan_settings()},
            scanned=scanned,
        )

    def _snapshot(self, what: str, expected_s: float) -> bytes:
        """The bytes of one frame; raises `RunAborted` as soon as somebody aborts."""
        self._recording.set()
        try:
            if self._aborted.is_set():
                raise RunAborted(f"aborted before {what}", nothing_exposed=True)
            self._running = running = Snapshot(self._detector.snapshot_rawdata, expected_s)
            while not running.done.wait(ABORT_PERIOD_S):
                if self._aborted.is_set():
                    raise RunAborted(f"aborted in {what}")
            self._running = None
            if self._aborted.is_set():
                raise RunAborted(f"aborted in {what}")
            return running.outcome()
        finally:
            self._recording.clear()
            if self._found is None:
                self._aborted.clear()

    def _await_end(self) -> None:
        """Wait for a frame that was given up, which TEMCenter ends by itself."""
        running = self._running
        if running is not None and not running.done.wait(running.expected_s + LATEST_END_S):
            raise InstrumentError(f"{self.name} does not end the frame that was aborted: look at TEMCenter")
        self._running = None

    def _scan_settings(self) -> dict[str, Any]:
        return pyjem_settings.scan_settings(self._detector.get_detectorsetting())

    def _write(self, settings: Mapping[str, Any]) -> None:
        """Write what differs; the scan mode last, when its area is right."""
        present = self._scan_settings()
        setters: dict[str, Callable[[Any], Any]] = {
            DWELL: self._detector.set_exposuretime_value,
            "frameIntegration": self._detector.set_frameintegration,
            "ImagingArea": lambda box: self._detector.set_imaging_area(box[2], box[3], box[0], box[1]),
            "AreaModeImagingArea": lambda box: self._detector.set_areamode_imagingarea(box[2], box[3], box[0], box[1]),
            "scanMode": self._detector.set_scanmode,
        }
        for name, write in setters.items():
            if present[name] != settings[name]:
                write(settings[name])

    def _blank(self, blanked: bool) -> None:
        if self.is_blanked is not blanked:
            self._deflectors.SetBeamBlank(int(blanked))
        if self.is_blanked is not blanked:
            raise InstrumentError(f"the beam blanker did not {'close' if blanked else 'open'}: check it")
