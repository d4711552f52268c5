"""The simulator shows a specimen behind usim only, only when asked, and leaves no trace."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from nion.utils import Registry

import nionswift_plugin.deepscan_simulator as simulator
from deepscan_core.errors import InstrumentError
from deepscan_core.simulation.specimens import make_specimen
from nionswift_plugin.deepscan_simulator.swap import SpecimenSwap, find_usim, is_usim


class RealMicroscope:
    """Stands for a STEM controller that is not usim's."""

    instrument_id = "ultrastem"


class Broker:
    """An api broker that must not be asked."""

    def get_api(self, **kwargs: Any) -> Any:
        pytest.fail("the simulator did something without being asked")


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("DEEPSCAN_SIMULATOR", raising=False)
    yield
    simulator.disable()


def source_of(swift: Any) -> Any:
    return swift.stem.scan_data_generator


def is_swapped(swift: Any) -> bool:
    return "generate_scan_data" in vars(source_of(swift))


def test_it_does_nothing_unless_asked(swift: Any) -> None:
    extension = simulator.DeepScanSimulatorExtension(Broker())
    assert not is_swapped(swift)
    extension.close()


def test_it_registers_no_second_controller_and_restores_usim(swift: Any) -> None:
    swift.set_scan(size=(32, 32))
    before = swift.scan.record_immediate(swift.scan.get_current_frame_parameters())[0].data
    assert simulator.enable()
    assert Registry.get_components_by_type("stem_controller") == {swift.stem}
    shown = swift.scan.record_immediate(swift.scan.get_current_frame_parameters())[0].data
    np.testing.assert_array_equal(shown, np.round(shown))  # counts
    simulator.disable()
    assert not is_swapped(swift)
    after = swift.scan.record_immediate(swift.scan.get_current_frame_parameters())[0].data
    assert np.abs(after - before).mean() < 2.0
    assert not np.array_equal(after, np.round(after))


@pytest.fixture
def usim() -> Iterator[Any]:
    """Usim's instrument alone in Nion's Registry, without a window that would react to what comes beside it."""
    from nion.usim_device import InstrumentDevice

    instrument = InstrumentDevice.Instrument(
        "usim_stem_controller",
        InstrumentDevice.ValueManager(),
        InstrumentDevice.AxisManager(),
        InstrumentDevice.ScanDataGenerator(),
    )
    Registry.register_component(instrument, {"stem_controller"})
    yield instrument
    Registry.unregister_component(instrument, {"stem_controller"})


@pytest.fixture
def real() -> Iterator[Any]:
    """A real microscope, registered by calling it and unregistered at the end."""
    microscope = RealMicroscope()
    yield lambda: Registry.register_component(microscope, {"stem_controller"})
    if microscope in Registry.get_components_by_type("stem_controller"):
        Registry.unregister_component(microscope, {"stem_controller"})


@pytest.mark.parametrize("beside_usim", [False, True])
def test_a_controller_that_is_not_usims_is_refused(
    request: pytest.FixtureRequest, real: Any, beside_usim: bool
) -> None:
    source = request.getfixturevalue("usim").scan_data_generator if beside_usim else None
    real()
    with pytest.raises(InstrumentError, match=r"'ultrastem' .*RealMicroscope.* is not usim's"):
        simulator.enable()
    assert source is None or "generate_scan_data" not in vars(source)


def test_a_real_controller_that_turns_up_later_ends_the_simulation(usim: Any, real: Any) -> None:
    messages: list[str] = []
    swap = SpecimenSwap(make_specimen("crystal"), on_message=messages.append)
    assert swap.install()
    real()
    assert "generate_scan_data" not in vars(usim.scan_data_generator)
    assert not swap.is_installed
    assert "is not usim's" in messages[0]


def test_a_class_that_only_calls_itself_usim_is_refused() -> None:
    class Instrument:
        instrument_id = "usim_stem_controller"

    assert not is_usim(Instrument())


def test_usim_may_be_registered_after_the_simulator_was_asked() -> None:
    """In Swift all extensions are constructed before any device is registered."""
    from nion.usim_device import InstrumentDevice

    assert find_usim() is None
    swap = SpecimenSwap(make_specimen("spots"), on_message=pytest.fail)
    assert not swap.install()
    usim = InstrumentDevice.Instrument(
        "usim_stem_controller",
        InstrumentDevice.ValueManager(),
        InstrumentDevice.AxisManager(),
        InstrumentDevice.ScanDataGenerator(),
    )
    Registry.register_component(usim, {"stem_controller"})
    try:
        assert swap.is_installed
        assert "generate_scan_data" in vars(usim.scan_data_generator)
    finally:
        swap.remove()
        Registry.unregister_component(usim, {"stem_controller"})
    assert "generate_scan_data" not in vars(usim.scan_data_generator)


def test_enabling_twice_is_enabling_once(swift: Any) -> None:
    assert simulator.enable()
    assert simulator.enable("spots")
    simulator.disable()
    assert not is_swapped(swift)


def test_the_blanker_keeps_the_electrons_away(swift: Any, crystal: Any) -> None:
    swift.set_scan(size=(32, 32))
    swift.stem.SetVal("C_Blank", 1.0)
    assert swift.scan.record_immediate(swift.scan.get_current_frame_parameters())[0].data.max() == 0
    swift.stem.SetVal("C_Blank", 0.0)
    assert swift.scan.record_immediate(swift.scan.get_current_frame_parameters())[0].data.max() > 0


def test_a_sub_scan_shows_finer_detail_than_the_context(swift: Any, crystal: Any) -> None:
    """Atoms that a coarse context cannot resolve stand apart in a tile of the same place."""
    from deepscan_core.instruments.nion import NionScanController
    from tests.contract.controller_contract import make_step

    swift.set_scan(size=(32, 32), fov_nm=32.0)
    controller = NionScanController()
    controller.prepare()
    tile = controller.scan(make_step(controller.context(), (3.0, -5.0), (2.0, 2.0), 64, 64, dwell_time_us=10.0)).values
    controller.restore()
    assert tile.max() > 4 * np.median(tile)
