"""Put a DeepScan specimen behind usim's own simulated scan, and take it out again.

Nothing is registered: usim's STEM controller, scan device and cameras stay the only ones. What changes is where the one
simulated scan device gets its numbers from. A fake microscope beside a real one is dangerous, so everything but usim is
refused, and a STEM controller that turns up later and is not usim's ends the simulation.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nion.utils import Registry

from deepscan_core.errors import InstrumentError
from deepscan_core.simulation.physics import IDEAL, AcquisitionPhysics
from deepscan_core.simulation.specimens import Specimen

from .generator import SpecimenGenerator
from .metering import ScanMeter

USIM_INSTRUMENT_ID = "usim_stem_controller"
USIM_SCAN_DEVICE_ID = "usim_scan_device"
USIM_MODULE = "nion.usim_device.InstrumentDevice"


def find_usim() -> Any | None:
    """Usim's STEM controller, None where none is registered yet; raises `InstrumentError` where it is not usim's."""
    controllers = list(Registry.get_components_by_type("stem_controller"))
    for controller in controllers:
        if not is_usim(controller):
            raise InstrumentError(
                f"the registered STEM controller {_describe(controller)} is not usim's: "
                "the DeepScan simulator left everything as it was; start it with deepscan swift instead"
            )
    return controllers[0] if controllers else None


def is_usim(controller: Any) -> bool:
    """Whether a STEM controller is the simulated one of nionswift-usim, by its class, module and instrument id."""
    kind = type(controller)
    return (
        kind.__module__ == USIM_MODULE
        and kind.__name__ == "Instrument"
        and getattr(controller, "instrument_id", None) == USIM_INSTRUMENT_ID
    )


def _describe(controller: Any) -> str:
    kind = type(controller)
    return f"{getattr(controller, 'instrument_id', 'without id')!r} ({kind.__module__}.{kind.__name__})"


class SpecimenSwap:
    """Keeps a specimen behind usim's scan for as long as it is installed.

    Parameters
    ----------
    specimen : what lies under the beam.
    on_message : called with one line when something was refused, from the thread that registered the component.
    seed : of the noise.
    physics : scan errors, drift and damage; none by default.
    """

    def __init__(
        self,
        specimen: Specimen,
        *,
        on_message: Callable[[str], None],
        seed: int = 0,
        physics: AcquisitionPhysics = IDEAL,
    ) -> None:
        self.generator = SpecimenGenerator(specimen, seed=seed, physics=physics)
        self._on_message = on_message
        self._source: Any = None
        self._stop_meter: Callable[[], None] | None = None
        self._listener: Any = None

    @property
    def is_installed(self) -> bool:
        """Whether usim's scan shows the specimen now."""
        return self._source is not None

    def install(self) -> bool:
        """Put the specimen in now, or as soon as usim is registered; returns whether it is in.

        Raises `InstrumentError` where the registered STEM controller is not usim's.
        """
        usim = find_usim()
        if self._listener is None:
            self._listener = Registry.listen_component_registered_event(self._on_registered)
        if usim is not None and not self.is_installed:
            self._put_in(usim)
        if usim is not None and self._stop_meter is None:
            self._watch_scan(usim)
        return self.is_installed

    def remove(self) -> None:
        """Give usim its own samples back and stop listening."""
        self._listener = None
        if self._stop_meter is not None:
            self._stop_meter()
            self._stop_meter = None
        source, self._source = self._source, None
        if source is not None:
            # usim's own method lies underneath, on the class: taking ours off the instance brings it back.
            vars(source).pop("generate_scan_data", None)

    def _put_in(self, usim: Any) -> None:
        source = usim.scan_data_generator
        if "generate_scan_data" in vars(source):
            raise InstrumentError("usim shows a DeepScan specimen already: close the other one first")
        source.generate_scan_data = self.generator.generate_scan_data
        self._source = source

    def _watch_scan(self, usim: Any) -> None:
        """Count electrons from now on, if usim's scan is there."""
        scan = usim.scan_controller
        if scan is not None and scan.scan_device.scan_device_id == USIM_SCAN_DEVICE_ID:
            self._stop_meter = ScanMeter(scan.scan_device, usim, self.generator).start()

    def _on_registered(self, component: Any, types: set[str]) -> None:
        if not types & {"stem_controller", "scan_hardware_source"}:
            return
        try:
            self.install()
        except InstrumentError as error:
            self.remove()
            self._on_message(str(error))
