"""Maps made by a process of their own, so that whatever draws a window is not held up.

Python runs one thread at a time: in the process of a window a map takes turns with everything that is drawn, and a network
that is being loaded keeps its turn for tenths of a second. The functions are those of `deepscan_core.live.maps`, with the
same arguments, results and errors.

Notes
-----
An image of 512 x 512 px goes over and its map comes back in about 3 ms. The process has its own memory for networks and for
what is kept of earlier frames; it gives way to everything else on the computer (``serving.py``), and ends with this one.
"""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from deepscan_core.errors import DeepScanError
from deepscan_core.live.clicks import Click
from deepscan_core.live.link import ClosedError, Link, LostError, NoProcessError
from deepscan_core.live.settings import MapSettings
from deepscan_core.records.image import CalibratedImage
from deepscan_core.records.levels import Levels
from deepscan_core.records.maps import ScoreMap
from deepscan_core.records.regions import RegionMeasurement, ScanRegion

__all__ = ["ClosedError", "MapProcess", "NoProcessError", "command"]


def command() -> list[str]:
    """What starts the other process; raises `NoProcessError` where Python is built into another program."""
    if not Path(sys.executable or "").stem.lower().startswith("python"):
        raise NoProcessError(f"{sys.executable!r} is no Python that could be started")
    return [sys.executable, "-m", "deepscan_core.live.serving"]


class MapProcess:
    """Makes maps in another process, which is started when the first is wanted, and anew where it ended by itself.

    Parameters
    ----------
    start : gives the command that starts it.
    """

    def __init__(self, start: Callable[[], list[str]] = command) -> None:
        self._start = start
        self._lock = threading.Lock()
        self._link: Link | None = None
        self._is_closed = False

    # as in deepscan_core.live.maps

    def surprisal(self, image: CalibratedImage, settings: MapSettings, **others: Any) -> ScoreMap:
        """See `maps.surprisal`."""
        made: ScoreMap = self._made("surprisal", image, settings, **others)
        return made

    def teach(self, image: CalibratedImage, clicks: Sequence[Click], settings: MapSettings, **others: Any) -> ScoreMap:
        """See `maps.teach`."""
        made: ScoreMap = self._made("teach", image, tuple(clicks), settings, **_with_versions(clicks, others))
        return made

    def teach_levels(
        self, image: CalibratedImage, clicks: Sequence[Click], settings: MapSettings, **others: Any
    ) -> Levels:
        """See `maps.teach_levels`."""
        made: Levels = self._made("teach_levels", image, tuple(clicks), settings, **_with_versions(clicks, others))
        return made

    def suggest_click(
        self, image: CalibratedImage, clicks: Sequence[Click], settings: MapSettings, **others: Any
    ) -> Click:
        """See `maps.suggest_click`."""
        made: Click = self._made("suggest_click", image, tuple(clicks), settings, **_with_versions(clicks, others))
        return made

    def search(self, image: CalibratedImage, query: str, settings: MapSettings, **others: Any) -> ScoreMap:
        """See `maps.search`."""
        made: ScoreMap = self._made("search", image, query, settings, **others)
        return made

    def quantify(self, image: CalibratedImage, settings: MapSettings, **others: Any) -> tuple[RegionMeasurement, ...]:
        """See `maps.quantify`."""
        made: tuple[RegionMeasurement, ...] = self._made("quantify", image, settings, **others)
        return made

    def explain(self, image: CalibratedImage, region: ScanRegion, settings: MapSettings, **others: Any) -> Any:
        """See `maps.explain`."""
        return self._made("explain", image, region, settings, **_with_versions(others.get("clicks", ()), others))

    def warm(self, settings: MapSettings, **others: Any) -> None:
        """See `maps.warm`."""
        self._made("warm", settings, **others)

    # the process

    def start(self) -> None:
        """Start it now unless it runs; raises `NoProcessError` where that is not possible."""
        self._linked()

    def close(self) -> None:
        """End the process; whoever waits for a map gets `ClosedError`."""
        with self._lock:
            self._is_closed, link = True, self._link
        if link is not None:
            link.close()

    def _made(self, function: str, *arguments: Any, **options: Any) -> Any:
        """Ask once more where the process ended by itself meanwhile, as for lack of memory."""
        for _ in range(2):
            with contextlib.suppress(LostError):
                return self._linked().call(function, arguments, dict(options))
        raise DeepScanError(
            "the process that makes maps ended twice by itself, perhaps for lack of memory: close other programs, or give "
            "a smaller image"
        )

    def _linked(self) -> Link:
        with self._lock:
            if self._is_closed:
                raise ClosedError("no maps are made any more")
            if self._link is None or self._link.is_lost:
                self._link = Link(self._start())
            return self._link


def _with_versions(clicks: Sequence[Click], others: dict[str, Any]) -> dict[str, Any]:
    """`version_of` is asked here, for all frames at once."""
    version_of = others.pop("version_of", None)
    if version_of is None:
        return others
    return {**others, "versions": {click.frame: version_of(click.frame) for click in clicks if click.frame is not None}}
