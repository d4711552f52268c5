"""What lies under the simulated beam: any specimen, drift, damage, and an account of every electron."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import nionswift_plugin.deepscan_simulator as simulator
from deepscan_core.errors import InputError
from deepscan_core.records.costs import electrons
from deepscan_core.simulation.physics import AcquisitionPhysics, Drift
from deepscan_core.simulation.specimens import make_specimen, specimen_kind, specimen_names
from nionswift_plugin.deepscan_simulator.generator import SpecimenGenerator
from nionswift_plugin.deepscan_simulator.menu import SpecimenMenu
from nionswift_plugin.deepscan_simulator.settings import SimulatorSettings
from nionswift_plugin.deepscan_simulator.view import DWELL_RANGE_US, SIDE_PX, usual_view


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("DEEPSCAN_SIMULATOR", raising=False)
    yield
    simulator.disable()


def record(swift: Any, **changes: Any) -> Any:
    """One whole frame with the current parameters, or with some of them changed."""
    parameters = swift.scan.get_current_frame_parameters()
    for name, value in changes.items():
        setattr(parameters, name, value)
    return swift.scan.record_immediate(parameters)[0].data


def test_an_unknown_specimen_is_refused_with_the_names(swift: Any) -> None:
    with pytest.raises(InputError, match=r"'unobtainium' is not known: .*graphene.*terraces"):
        simulator.enable("unobtainium")
    assert "generate_scan_data" not in vars(swift.stem.scan_data_generator)
    with pytest.raises(InputError, match="enable the simulator first"):
        simulator.show_specimen("spots")
    with pytest.raises(InputError, match="enable the simulator first"):
        simulator.electron_ledger()


def test_the_menu_shows_another_specimen_in_its_own_field_of_view(swift: Any) -> None:
    """The picture is what the core computes for that specimen, as far as counting noise lets us see."""
    swift.set_scan(size=(32, 32), fov_nm=20.0)
    simulator.enable("crystal")
    menu = SpecimenMenu(RecordsMenus(), show_specimen=simulator.show_specimen, on_message=pytest.fail)
    menu.choose("mos2")
    parameters = swift.scan.get_current_frame_parameters()
    assert (parameters.fov_nm, tuple(parameters.pixel_size)) == (specimen_kind("mos2").fov_nm, (SIDE_PX, SIDE_PX))
    axis_nm = ((np.arange(64) + 0.5) / 64 - 0.5) * parameters.fov_nm
    expected = make_specimen("mos2").intensity(*np.meshgrid(axis_nm, axis_nm, indexing="ij"))
    shown = record(swift, pixel_size=(64, 64), pixel_time_us=20.0)
    assert np.corrcoef(shown.ravel(), expected.ravel())[0, 1] > 0.95
    menu.close()


class RecordsMenus:
    """Stands for Swift's application and one of its windows: notes what is added to menus."""

    def __init__(self) -> None:
        self.items: dict[str, Any] = {}
        self.builders: list[Any] = []

    def register_menu_handler(self, build: Any) -> None:
        self.builders.append(build)

    def unregister_menu_handler(self, build: Any) -> None:
        self.builders.remove(build)

    def get_or_create_menu(self, *_: Any) -> RecordsMenus:
        return self

    def create_sub_menu(self) -> RecordsMenus:
        return self

    def add_sub_menu(self, title: str, menu: Any) -> None:
        assert menu is self

    def add_menu_item(self, title: str, callback: Any) -> None:
        self.items[title.split(":")[0]] = callback


def test_the_menu_offers_every_specimen() -> None:
    chosen: list[str] = []
    window = RecordsMenus()
    menu = SpecimenMenu(window, show_specimen=chosen.append, on_message=pytest.fail)
    for build in window.builders:
        build(window)
    assert set(window.items) == set(specimen_names())
    window.items["terraces"]()
    assert chosen == ["terraces"]
    menu.close()
    assert not window.builders


def test_a_choice_during_a_recording_has_to_wait(swift: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    messages: list[str] = []
    menu = SpecimenMenu(RecordsMenus(), show_specimen=pytest.fail, on_message=messages.append)
    monkeypatch.setattr(type(swift.scan), "is_recording", property(lambda _: True))
    menu.choose("gold")
    assert messages == ["specimen 'gold' has to wait: the scan is recording"]


@pytest.mark.parametrize("name", specimen_names())
def test_every_specimen_has_a_live_view_that_is_quick_enough(name: str) -> None:
    view = usual_view(specimen_kind(name))
    assert view.fov_nm == specimen_kind(name).fov_nm
    assert DWELL_RANGE_US[0] <= view.dwell_time_us
    assert view.side_px**2 * view.dwell_time_us * 1e-6 < 2.0


def test_every_electron_of_a_frame_counts(swift: Any) -> None:
    """A whole frame, then a sub-scan on two detectors: the beam comes once, however many look."""
    swift.set_scan(size=(32, 32), fov_nm=20.0)
    simulator.enable()
    ledger = simulator.electron_ledger()
    record(swift)
    assert ledger.electrons == pytest.approx(electrons(32, 32, 1.0, 200.0))
    record(
        swift,
        subscan_pixel_size=(16, 8),
        subscan_fractional_size=(0.5, 0.25),
        subscan_fractional_center=(0.5, 0.5),
        pixel_time_us=4.0,
        enabled_channel_indexes=[0, 1],
    )
    assert [frame.samples for frame in ledger.frames] == [32 * 32, 16 * 8]
    last = ledger.frames[-1]
    assert last.electrons == pytest.approx(electrons(16, 8, 4.0, 200.0))
    assert last.dose_e_per_nm2 == pytest.approx(last.electrons / (10.0 * 5.0))
    swift.stem.SetVal("C_Blank", 1.0)
    record(swift)
    assert len(ledger.frames) == 2
    simulator.disable()
    assert "read_partial" not in vars(swift.scan.scan_device)


def test_a_frame_that_is_cut_off_costs_what_it_delivered(swift: Any) -> None:
    swift.set_scan(size=(64, 64), fov_nm=20.0)
    simulator.enable()
    parameters = swift.scan.get_current_frame_parameters()
    parameters.pixel_time_us = 1000.0  # four seconds
    swift.scan.set_current_frame_parameters(parameters)
    swift.scan.start_playing(sync_timeout=5)
    ledger = simulator.electron_ledger()
    swift.wait_for(lambda: ledger.frames and ledger.frames[-1].samples > 640, "ten lines")
    swift.scan.abort_playing(sync_timeout=5)
    (frame,) = ledger.frames
    assert 640 < frame.samples < 64 * 48
    assert ledger.electrons == pytest.approx(electrons(frame.samples, 1, 1000.0, 200.0))


def test_the_specimen_drifts_with_the_clock() -> None:
    """After ten seconds at (0.3, -0.2) nm a second the picture is the specimen moved by (3, -2) nm, and again so."""
    now_s = 100.0
    still = SpecimenGenerator(make_specimen("crystal", 3), seed=1)
    physics = AcquisitionPhysics(drift=Drift(rate_nm_per_s=(0.3, -0.2)))
    drifting = SpecimenGenerator(make_specimen("crystal", 3), seed=1, physics=physics, clock=lambda: now_s)
    now_s += 10.0
    instrument, asked = FakeInstrument(), parameters(dwell_time_us=20.0)
    shown = drifting.generate_scan_data(instrument, asked)
    where_it_was = still.generate_scan_data(instrument, parameters(dwell_time_us=20.0, center_nm=(-3.0, 2.0)))
    unmoved = still.generate_scan_data(instrument, asked)
    assert np.corrcoef(shown.ravel(), where_it_was.ravel())[0, 1] > 0.95
    assert np.corrcoef(shown.ravel(), unmoved.ravel())[0, 1] < 0.6


def test_the_beam_damages_what_it_has_exposed_and_nothing_else() -> None:
    """The contrast of a second frame is exp(-1) of a fresh one where the first gave the critical dose."""
    instrument = FakeInstrument()
    dose = electrons(64, 64, 20.0, 200.0) / 20.0**2
    physics = AcquisitionPhysics(critical_dose_e_per_nm2=dose)
    fresh = make_specimen("crystal", 3)
    generator = SpecimenGenerator(fresh, seed=1, physics=physics)
    first = generator.generate_scan_data(instrument, parameters(dwell_time_us=20.0))
    second = generator.generate_scan_data(instrument, parameters(dwell_time_us=20.0))
    contrast = np.polyfit(first.ravel(), second.ravel(), 1)[0]
    assert contrast == pytest.approx(np.exp(-1), rel=0.05)
    elsewhere = generator.generate_scan_data(instrument, parameters(dwell_time_us=20.0, center_nm=(100.0, 0.0)))
    assert elsewhere.std() == pytest.approx(first.std(), rel=0.1)
    generator.show(fresh)
    again = generator.generate_scan_data(instrument, parameters(dwell_time_us=20.0))
    assert np.polyfit(first.ravel(), again.ravel(), 1)[0] == pytest.approx(1.0, rel=0.05)


class FakeInstrument:
    """An instrument at rest in the middle with 200 pA and an open blanker."""

    def __init__(self) -> None:
        from nion.utils import Geometry

        self.value_manager = self
        self.actual_offset_m = Geometry.FloatPoint()

    def TryGetVal(self, control: str) -> tuple[bool, float | None]:
        return {"C_Blank": (True, 0.0), "BeamCurrent": (True, 200e-12)}.get(control, (False, None))


def parameters(*, dwell_time_us: float, center_nm: tuple[float, float] = (0.0, 0.0)) -> Any:
    from nion.device_kit import ScanDevice
    from nion.utils import Geometry

    return ScanDevice.ScanFrameParameters(
        size=Geometry.IntSize(64, 64),
        pixel_time_us=dwell_time_us,
        fov_nm=20.0,
        center_nm=Geometry.FloatPoint(*center_nm),
        rotation_rad=0.0,
    )


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"specimen": "unobtainium"}, "give one of agglomerates"),
        ({"window_width_px": 100}, "window 100x1000: give at least 640x480"),
        ({"line_jitter_nm": -1.0}, "line_jitter_nm -1"),
        ({"critical_dose_e_per_nm2": 0.0}, "critical_dose_e_per_nm2"),
        ({"drift_y_nm_per_s": float("nan")}, "drift"),
    ],
)
def test_settings_that_cannot_be_are_refused(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        SimulatorSettings(**wrong)


def test_settings_survive_their_way_into_swift() -> None:
    settings = SimulatorSettings(specimen="gold", seed=4, drift_x_nm_per_s=-0.1, critical_dose_e_per_nm2=1e6)
    assert SimulatorSettings.from_json(settings.to_json()) == settings
    assert SimulatorSettings.from_json("") == SimulatorSettings()
    with pytest.raises(InputError, match="keys out of specimen, seed"):
        SimulatorSettings.from_json('{"sample": "gold"}')


def test_what_one_specimen_has_had_does_not_harm_the_next() -> None:
    """Not even the frame that was running when the specimen was changed."""
    physics = AcquisitionPhysics(critical_dose_e_per_nm2=electrons(64, 64, 20.0, 200.0) / 20.0**2)
    generator = SpecimenGenerator(make_specimen("spots", 3), seed=1, physics=physics)
    generator.generate_scan_data(FakeInstrument(), parameters(dwell_time_us=2000.0))
    generator.show(make_specimen("crystal", 3))
    fresh = SpecimenGenerator(make_specimen("crystal", 3), seed=2, physics=physics)
    first, other = (g.generate_scan_data(FakeInstrument(), parameters(dwell_time_us=20.0)) for g in (fresh, generator))
    assert np.polyfit(first.ravel(), other.ravel(), 1)[0] == pytest.approx(1.0, rel=0.05)
    second = generator.generate_scan_data(FakeInstrument(), parameters(dwell_time_us=20.0))
    assert np.polyfit(first.ravel(), second.ravel(), 1)[0] == pytest.approx(np.exp(-1), rel=0.05)
