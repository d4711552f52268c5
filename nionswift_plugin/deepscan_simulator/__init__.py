"""Nion Swift plug-in: usim with specimens of known defects.

It does nothing unless the environment says ``DEEPSCAN_SIMULATOR=1``, as ``deepscan swift`` does, or somebody calls
`enable`. It registers no instrument, and it refuses where the registered STEM controller is not usim's.
"""

from __future__ import annotations

import logging
import os
from functools import partial
from typing import TYPE_CHECKING, Any

from deepscan_core.errors import DeepScanError, InputError

if TYPE_CHECKING:
    from deepscan_core.simulation.physics import AcquisitionPhysics

    from .ledger import ElectronLedger
    from .menu import SpecimenMenu
    from .session import DemoSession
    from .swap import SpecimenSwap

ENVIRONMENT = "DEEPSCAN_SIMULATOR"

_swap: SpecimenSwap | None = None


def enable(specimen: str = "crystal", *, seed: int = 0, physics: AcquisitionPhysics | None = None) -> bool:
    """Show a specimen behind usim's scan; returns whether usim is there already, else it is waited for.

    Parameters
    ----------
    specimen : a name that `deepscan_core.simulation.specimens.make_specimen` knows.
    seed : of the specimen and of the noise.
    physics : scan errors, drift and damage; none by default.

    Raises
    ------
    InputError
        The specimen is not known.
    InstrumentError
        The registered STEM controller is not usim's; nothing was changed.
    """
    from deepscan_core.simulation.physics import IDEAL
    from deepscan_core.simulation.specimens import make_specimen

    from .swap import SpecimenSwap  # here, so that launch.py can say in words that nion is not installed

    global _swap
    if _swap is None:
        wanted = SpecimenSwap(make_specimen(specimen, seed), on_message=_log, seed=seed, physics=physics or IDEAL)
        wanted.install()
        _swap = wanted
    return _swap.is_installed


def show_specimen(name: str, *, seed: int = 0) -> None:
    """Put another specimen under the beam; raises `InputError` where it is not known, or the simulator is not on."""
    from deepscan_core.simulation.specimens import make_specimen

    if _swap is None:
        raise InputError(f"specimen {name!r} cannot be shown: enable the simulator first")
    _swap.generator.show(make_specimen(name, seed))


def electron_ledger() -> ElectronLedger:
    """The electrons that the specimens have had since `enable`; raises `InputError` where the simulator is not on."""
    if _swap is None:
        raise InputError("no electrons are counted: enable the simulator first")
    return _swap.generator.ledger


def disable() -> None:
    """Give usim its own samples back; nothing happens where they never went away."""
    global _swap
    if _swap is not None:
        _swap.remove()
        _swap = None


def _log(message: str) -> None:
    logging.getLogger("deepscan").error("DeepScan simulator: %s", message)


class DeepScanSimulatorExtension:
    """What Swift constructs at start and closes at exit."""

    extension_id = "deepscan.simulator.extension"

    def __init__(self, api_broker: Any) -> None:
        self._session: DemoSession | None = None
        self._menu: SpecimenMenu | None = None
        if os.environ.get(ENVIRONMENT) != "1":
            return
        from .settings import VARIABLE, SimulatorSettings

        try:
            settings = SimulatorSettings.from_json(os.environ.get(VARIABLE, ""))
            enable(settings.specimen, seed=settings.seed, physics=settings.physics())
        except DeepScanError as error:
            _log(str(error))
            return
        api = api_broker.get_api(version="~1.0", ui_version="~1.0")
        from .menu import SpecimenMenu
        from .session import DemoSession

        application = api.application._application
        self._session = DemoSession(application, settings)
        self._menu = SpecimenMenu(
            application, show_specimen=partial(show_specimen, seed=settings.seed), on_message=_log
        )

    def close(self) -> None:
        """Take everything back."""
        for part in (self._session, self._menu):
            if part is not None:
                part.close()
        self._session = self._menu = None
        disable()
