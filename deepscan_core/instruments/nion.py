"""Any scan device that Nion Swift knows, found through Nion's Registry; the only core file that imports ``nion``.

What was found out about Nion's side, and relied on here (``docs/swift.md`` says more):

* ``subscan_rotation`` turns the rectangle counter-clockwise on the context image, as ``ScanStep.rotation_rad`` does.
* Scan boxes have one sample pitch: the device kit keeps the pitch along y (instrumentation 23.6) or along the longer
  side (23.8) and uses it for both axes. A step with two pitches would be scanned elsewhere than planned: refused.
* A context of unequal sides is placed wrongly by Nion's device kit, and ``center_nm`` must be zero; both are refused.
* `record_immediate` returns the frame in the sub-scan's own coordinates; the place comes from the step, not from there.
* A cancelled frame can look complete, its missing rows filled with zeros: after an abort no frame is returned.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from nion.utils import Geometry, Registry

from deepscan_core.acquisition.controller import BeamRest, Capabilities
from deepscan_core.acquisition.limits import check_context, check_rest, check_stage, check_step
from deepscan_core.errors import InstrumentError, InstrumentTaken, UnsupportedStep
from deepscan_core.instruments import nion_parameters
from deepscan_core.instruments.leases import Leases
from deepscan_core.instruments.nion_beam import Beam
from deepscan_core.instruments.nion_recording import Recorder
from deepscan_core.instruments.stage import check_position
from deepscan_core.records.coordinates import YX, ScanContext
from deepscan_core.records.costs import ScanCosts, dose_e_per_nm2, electrons
from deepscan_core.records.frames import ScanFrame
from deepscan_core.records.protocol import ScanStep

STOP_VIEW_TIMEOUT_S = 10.0
START_VIEW_TIMEOUT_S = 10.0
LONGEST_LAST_FRAME_S = 2.0
LARGEST_MISPLACEMENT_SAMPLES = 0.5


def find_scan_source() -> Any:
    """The scan hardware source of the registered STEM controller; raises `InstrumentError` where there is none."""
    stem = Registry.get_component("stem_controller")
    if stem is None:
        raise InstrumentError(
            "no STEM controller is registered in Swift: load the microscope's plug-in, or run deepscan swift"
        )
    source = stem.scan_controller
    if source is None:
        raise InstrumentError("the STEM controller has no scan device: load the plug-in of the scan unit")
    return source


_LEASES = Leases()


@dataclass(frozen=True, kw_only=True)
class _Remembered:
    """What `prepare` found: the context's parameters, the device's, the channels, and where the probe stood."""

    parameters: Any
    device_parameters: Any
    channels: tuple[int, ...]
    probe_position: Any
    is_blanked: bool | None
    is_playing: bool


class NionScanController:
    """A `ScanController` for the scan device of Nion Swift.

    Parameters
    ----------
    source : the scan hardware source; None looks it up in Nion's Registry at first use.
    channel : name of the detector to keep; None takes the first that is switched on.
    clock : seconds, for `ScanFrame.started_s`.
    allow_stage : runs may move the stage, where the instrument tells its position.
    """

    def __init__(
        self,
        source: Any = None,
        *,
        channel: str | None = None,
        clock: Callable[[], float] = time.time,
        allow_stage: bool = False,
    ) -> None:
        self._given_source = source
        self._channel = channel
        self._clock = clock
        self._remembered: _Remembered | None = None
        self._beam = Beam(lambda: self._source.stem_controller)
        self._recorder = Recorder(lambda: self._source, self._beam, lambda: self._remembered is not None)
        self._stage = self._beam.stage()
        self._allow_stage = allow_stage

    @property
    def name(self) -> str:
        """The scan device's display name."""
        return str(self._source.display_name)

    @property
    def capabilities(self) -> Capabilities:
        """What may be asked for; the blanker is there only if its control answers."""
        return Capabilities(
            center=False,
            rotation=True,
            non_square_context=False,
            blanker=self._beam.has_blanker,
            park=True,
            stage=self._allow_stage and self._beam.has_stage,
            line_abort=True,
        )

    @property
    def costs(self) -> ScanCosts:
        """See `nion_parameters.costs_of`; the beam is on from before the first line until after the last one."""
        return nion_parameters.costs_of(self._parameters().as_dict())

    def now_s(self) -> float:
        """See `ScanController.now_s`."""
        return self._clock()

    def wait(self, seconds: float) -> None:
        """See `ScanController.wait`."""
        time.sleep(seconds)

    def context(self) -> ScanContext:
        """The context scan as Swift is set now, or as it was at `prepare`."""
        parameters = self._parameters()
        rows, cols = parameters.pixel_size.as_tuple()
        pitch_nm = parameters.fov_nm / max(rows, cols)
        return ScanContext(
            rows=rows,
            cols=cols,
            fov_y_nm=rows * pitch_nm,
            fov_x_nm=cols * pitch_nm,
            center_y_nm=parameters.center_nm.y,
            center_x_nm=parameters.center_nm.x,
            rotation_rad=parameters.rotation_rad,
            beam_current_pa=self._beam.current_pa,
            channels=tuple(self._source.get_channel_state(i).name for i in self._source.get_enabled_channel_indexes()),
        )

    def preview(self) -> ScanFrame:
        """Record one whole frame of the context, at the dwell time Swift is set to; the blanker is left as it was."""
        check_context(self.context(), self.capabilities)
        return self._record(self._parameters(), None)

    def prepare(self) -> None:
        """Stop the live view and remember parameters, channels and probe position."""
        source = self._source
        self._recorder.forget_abort()
        if source.is_recording:
            raise InstrumentError(f"{self.name} is recording: wait until it is done")
        if not _LEASES.take(source, self):
            raise InstrumentTaken(f"{self.name} is used by another run of DeepScan: wait until that is done")
        try:
            self._remembered = self._stopped()
            if self.capabilities.stage:
                self._stage.remember()
        finally:
            if self._remembered is None:
                _LEASES.give_back(source, self)

    def _stopped(self) -> _Remembered:
        """Stop the view; what was before, and the parameters as they are then."""
        source = self._source
        is_playing = bool(source.is_playing)
        self._stop_view()
        return _Remembered(
            parameters=self._parameters(),
            device_parameters=copy.deepcopy(source.scan_device.current_frame_parameters),
            channels=tuple(source.get_enabled_channel_indexes()),
            probe_position=source.probe_position,
            is_blanked=self._beam.is_blanked if self._beam.has_blanker else None,
            is_playing=is_playing,
        )

    def move_stage(self, to_nm: YX) -> YX:
        """See `ScanController.move_stage`."""
        check_stage(self.capabilities)
        return self._stage.go_in(self.context(), to_nm)

    def take(self) -> None:
        """Stop a live view that was started since `prepare`; raises `InstrumentError` where somebody records."""
        if self._source.is_recording:
            raise InstrumentError(f"{self.name} is recording: wait until it is done")
        self._stop_view()

    def _stop_view(self) -> None:
        """Let a short frame finish, so that the live image stays whole; cut a long one off."""
        source = self._source
        if not source.is_playing:
            return
        try:
            if source.get_current_frame_time() <= LONGEST_LAST_FRAME_S:
                source.stop_playing(sync_timeout=STOP_VIEW_TIMEOUT_S)
            source.abort_playing(sync_timeout=STOP_VIEW_TIMEOUT_S)
        except AssertionError:
            raise InstrumentError(f"the live view of {self.name} did not stop: stop it by hand and try again") from None

    def scan(self, step: ScanStep) -> ScanFrame:
        """Unblank, record one step in the present context, blank again, and return it.

        Raises
        ------
        UnsupportedStep
            The device cannot do the step; nothing was exposed.
        InstrumentTaken
            A live view or a recording was started since `prepare`: before the step, and nothing was exposed; or during
            it, and the frame, which may hold lines of another scan, was thrown away.
        RunAborted
            `abort` was called meanwhile.
        InstrumentError
            The device returned nothing or something else.
        """
        context = self.context()
        check_context(context, self.capabilities)
        check_step(step, context, self.capabilities)
        _check_one_pitch(step)
        if self._remembered is not None and (self._source.is_playing or self._source.is_recording):
            raise InstrumentTaken(
                f"somebody uses {self.name}: the run waits, Resume stops what was started and goes on",
                nothing_exposed=True,
            )
        return self._record(_step_parameters(self._parameters(), step, context), step)

    @property
    def is_blanked(self) -> bool:
        """Whether there is a blanker and it is closed."""
        return self._beam.is_blanked

    def open_blanker(self) -> None:
        """Let the beam through again, as a person asked; raises `InstrumentError` where the blanker does not open."""
        if self.is_blanked:
            self._beam.blank(False)

    def rest(self, where: BeamRest) -> None:
        """Blank the beam, or park it at a place of the context."""
        check_rest(where, self.capabilities)
        if where.park_fraction is None:
            self._beam.blank(True)
        else:
            self._source.probe_position = Geometry.FloatPoint(*where.park_fraction)

    def restore(self, *, beam: bool = False) -> None:
        """Put back what `prepare` remembered.

        Without `beam` a parked probe stays where it is, a closed blanker closed, and the view stopped.
        """
        remembered, self._remembered = self._remembered, None
        self._recorder.forget_abort()
        if remembered is None:
            return
        try:
            self._stage.go_home()  # before the beam comes back
        finally:
            self._put_back(remembered, beam=beam)

    def _put_back(self, remembered: _Remembered, *, beam: bool) -> None:
        source = self._source
        _LEASES.give_back(source, self)
        source.scan_device.set_frame_parameters(copy.deepcopy(remembered.device_parameters))
        if tuple(source.get_enabled_channel_indexes()) != remembered.channels:
            source.set_enabled_channels(remembered.channels)
        moved = source.probe_position != remembered.probe_position
        if moved and (beam or self._beam.is_blanked):
            source.probe_position = remembered.probe_position
        if beam:
            self._beam_as(remembered)

    def _beam_as(self, remembered: _Remembered) -> None:
        """Blanker and live view as they were; the view first, so that an open beam does not stand still."""
        try:
            if remembered.is_playing and not self._source.is_playing:
                self._source.start_playing()
        finally:
            if remembered.is_blanked is not None and self.is_blanked is not remembered.is_blanked:
                self._beam.blank(remembered.is_blanked)

    def parameters(self) -> dict[str, Any]:
        """Frame parameters of the scan and of the device, channels, probe position, blanker, and whether the view runs."""
        source, probe = self._source, self._source.probe_position
        return {
            "frame_parameters": nion_parameters.frame_parameters(source.get_current_frame_parameters(), subscan=False),
            "device_parameters": nion_parameters.frame_parameters(
                source.scan_device.current_frame_parameters, subscan=True
            ),
            "channels": [int(index) for index in source.get_enabled_channel_indexes()],
            "probe_position": None if probe is None else [float(probe.y), float(probe.x)],
            "blanked": self._beam.is_blanked if self._beam.has_blanker else None,
            "viewing": bool(source.is_playing),
            **({"stage_nm": list(self._stage.position_nm)} if self.capabilities.stage else {}),
        }

    def restore_parameters(self, parameters: Mapping[str, Any]) -> None:
        """See `ScanController.restore_parameters`; ``nion_parameters.NAMES`` is all that is ever written."""
        source = self._source
        nion_parameters.check(parameters, source.channel_count, has_stage=self.capabilities.stage)
        present = self.parameters()
        changed = {name: value for name, value in parameters.items() if present[name] != value}
        if not changed:
            return
        if source.is_recording:
            raise InstrumentError(f"{self.name} is recording: wait until it is done")
        if not _LEASES.take(source, self):
            raise InstrumentTaken(f"{self.name} is used by another run of DeepScan: wait until that is done")
        try:
            self._write(changed, parameters.get("device_parameters"))
        finally:
            _LEASES.give_back(source, self)

    def _write(self, changed: Mapping[str, Any], device_parameters: Any) -> None:
        """The beam last: it is blanked before the view stops, and the view runs before it is let through."""
        source = self._source
        if changed.get("blanked"):
            self._beam.blank(True)
        if changed.get("viewing") is False:
            self._stop_view()
        if "stage_nm" in changed:
            self._stage.to_position(check_position(changed["stage_nm"]))
        if "frame_parameters" in changed:
            present = source.get_current_frame_parameters()
            source.set_current_frame_parameters(
                nion_parameters.with_frame_parameters(present, changed["frame_parameters"], subscan=False)
            )
        if device_parameters is not None:  # those of the scan have changed them too
            present = source.scan_device.current_frame_parameters
            wanted = nion_parameters.with_frame_parameters(present, device_parameters, subscan=True)
            if wanted.as_dict() != present.as_dict():
                source.scan_device.set_frame_parameters(wanted)
        if "channels" in changed:
            source.set_enabled_channels(changed["channels"])
        if "probe_position" in changed:
            place = changed["probe_position"]
            source.probe_position = None if place is None else Geometry.FloatPoint(*place)
        if changed.get("viewing"):
            source.start_playing(sync_timeout=START_VIEW_TIMEOUT_S)
        if changed.get("blanked") is False:
            self._beam.blank(False)

    def abort(self) -> None:
        """Interrupt a running `scan` or `preview`, from any thread.

        Between `prepare` and `restore` it also stops the step that is about to start; else it has no effect when none
        runs.
        """
        self._recorder.abort()

    @property
    def _source(self) -> Any:
        if self._given_source is None:
            self._given_source = find_scan_source()
        return self._given_source

    def _parameters(self) -> Any:
        """A copy of the parameters of the context scan, without any sub-scan."""
        remembered = self._remembered
        present = remembered.parameters if remembered else self._source.get_current_frame_parameters()
        parameters = copy.deepcopy(present)
        parameters.subscan_pixel_size = None
        parameters.subscan_fractional_size = None
        parameters.subscan_fractional_center = None
        parameters.subscan_rotation = 0.0
        return parameters

    def _channel_index(self) -> int:
        source = self._source
        names = {i: source.get_channel_state(i).name for i in range(source.channel_count)}
        enabled = list(source.get_enabled_channel_indexes())
        if self._channel is None:
            if not enabled:
                raise InstrumentError(f"no detector is switched on in {self.name}: switch one on", nothing_exposed=True)
            return int(enabled[0])
        for index, name in names.items():
            if name == self._channel:
                return index
        raise InstrumentError(
            f"{self.name} has no detector {self._channel!r}: give one of {', '.join(names.values())}",
            nothing_exposed=True,
        )

    def _record(self, parameters: Any, step: ScanStep | None) -> ScanFrame:
        source, context = self._source, self.context()
        index = self._channel_index()
        parameters.enabled_channel_indexes = [index]
        started_s = self._clock()
        rows, cols = (context.rows, context.cols) if step is None else (step.rows, step.cols)
        xdata = self._recorder.record(parameters, (rows, cols), "the preview" if step is None else f"step {step.order}")
        height_nm, width_nm = context.fov_nm if step is None else step.size_nm
        done = nion_parameters.as_scanned(xdata.metadata, context, step, float(parameters.pixel_time_us))
        dwell_us, current_pa = done.dwell_time_us, context.beam_current_pa
        return ScanFrame(
            values=np.array(xdata.data, dtype=np.float32),
            channel=str(source.get_channel_state(index).name),
            context=done.context,
            step=step,
            dwell_time_us=dwell_us,
            dose_e_per_nm2=None
            if current_pa is None
            else dose_e_per_nm2(rows, cols, dwell_us, current_pa, height_nm, width_nm),
            total_electrons=None if current_pa is None else electrons(rows, cols, dwell_us, current_pa),
            started_s=started_s,
            duration_s=self._clock() - started_s,
            metadata=dict(xdata.metadata),
            scanned=done.grid,
        )


def _step_parameters(parameters: Any, step: ScanStep, context: ScanContext) -> Any:
    """Nion's parameters for a step: fractions of the context frame from the step's nm, exactly as planned."""
    (y_nm, x_nm), (height_nm, width_nm) = step.center_nm, step.size_nm
    fov_y_nm, fov_x_nm = context.fov_nm
    parameters.pixel_time_us = step.dwell_time_us
    parameters.subscan_pixel_size = Geometry.IntSize(height=step.rows, width=step.cols)
    parameters.subscan_fractional_size = Geometry.FloatSize(height=height_nm / fov_y_nm, width=width_nm / fov_x_nm)
    parameters.subscan_fractional_center = Geometry.FloatPoint(y=y_nm / fov_y_nm + 0.5, x=x_nm / fov_x_nm + 0.5)
    parameters.subscan_rotation = step.rotation_rad
    return parameters


def _check_one_pitch(step: ScanStep) -> None:
    """Raise `UnsupportedStep` where two sample pitches would put the edge of the tile half a sample off."""
    height_nm, width_nm = step.size_nm
    pitch_y_nm, pitch_x_nm = height_nm / step.rows, width_nm / step.cols
    half_side = max(step.rows, step.cols) / 2
    if abs(pitch_y_nm - pitch_x_nm) * half_side > LARGEST_MISPLACEMENT_SAMPLES * min(pitch_y_nm, pitch_x_nm):
        raise UnsupportedStep(
            f"step {step.order} samples every {pitch_y_nm:.5g} nm down and every {pitch_x_nm:.5g} nm across: "
            "this scan unit has one pitch, give rows and cols in the proportion of height and width"
        )
