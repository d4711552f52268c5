"""Where maps are made: by a process of DeepScan's own, so that Swift's windows are not held up; else in Swift itself.

Swift itself makes them where no process can be started, and where the environment variable `VARIABLE` says ``here``.
"""

from __future__ import annotations

import logging
import os
from typing import Any

from deepscan_core.live.beside import MapProcess, NoProcessError

VARIABLE = "DEEPSCAN_COMPUTE"
HERE = "here"

_processes: list[MapProcess] = []  # one, or none


def begin() -> None:
    """Make maps in a process from now on, which starts with the first one."""
    if os.environ.get(VARIABLE) != HERE and not _processes:
        _processes.append(MapProcess())


def end() -> None:
    """End the process; maps are made in Swift itself again."""
    while _processes:
        _processes.pop().close()


def is_here() -> bool:
    """Whether maps are made in Swift itself."""
    return not _processes


def maker() -> Any:
    """What has the functions of `deepscan_core.live.maps`. It may take a second: call it in a worker's thread."""
    for process in tuple(_processes):
        try:
            process.start()
        except NoProcessError as error:
            logging.getLogger("deepscan").warning("DeepScan computes in Swift's own process: %s", error)
            end()
        else:
            return process
    from deepscan_core.live import maps

    return maps
