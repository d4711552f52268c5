"""Nion Swift plug-in: usim with a crystal of known defects.

It does nothing unless the environment says ``DEEPSCAN_SIMULATOR=1``, as ``deepscan swift`` does, or somebody calls
`enable`. It registers no instrument, and it refuses where the registered STEM controller is not usim's.
"""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Any

from deepscan_core.errors import InstrumentError

if TYPE_CHECKING:
    from .session import DemoSession
    from .swap import SpecimenSwap

ENVIRONMENT = "DEEPSCAN_SIMULATOR"

_swap: SpecimenSwap | None = None


def enable(specimen: str = "crystal", *, seed: int = 0) -> bool:
    """Show a specimen behind usim's scan; returns whether usim is there already, else it is waited for.

    Parameters
    ----------
    specimen : a name that `deepscan_core.simulation.specimens.make_specimen` knows.
    seed : of the specimen and of the noise.

    Raises
    ------
    InstrumentError
        The registered STEM controller is not usim's; nothing was changed.
    """
    from deepscan_core.simulation.specimens import make_specimen

    from .swap import SpecimenSwap  # here, so that launch.py can say in words that nion is not installed

    global _swap
    if _swap is None:
        wanted = SpecimenSwap(make_specimen(specimen, seed), on_message=_log, seed=seed)
        wanted.install()
        _swap = wanted
    return _swap.is_installed


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
        if os.environ.get(ENVIRONMENT) != "1":
            return
        try:
            enable()
        except InstrumentError as error:
            _log(str(error))
            return
        api = api_broker.get_api(version="~1.0", ui_version="~1.0")
        from .session import DemoSession

        self._session = DemoSession(api.application._application)

    def close(self) -> None:
        """Take everything back."""
        if self._session is not None:
            self._session.close()
            self._session = None
        disable()
