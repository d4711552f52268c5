"""What Swift calls: `execute` in a worker's thread, then `commit` in the user interface's.

Swift 16.18 calls `execute_task` instead of `execute`, and lets it report progress and be stopped.
"""

from __future__ import annotations

import gettext
import logging
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from nion.swift.model import Symbolic

from deepscan_core.errors import DeepScanError, InputError, MissingError
from deepscan_core.live.clicks import clicks_from_json
from deepscan_core.live.settings import MapSettings
from deepscan_core.records.image import CalibratedImage
from deepscan_core.records.maps import ScoreMap

from .. import bridge, soon
from ..clicking.taught_frames import TaughtFrame
from ..mapping import computing, precedence, whole_frames
from . import outputs, shown

_ = gettext.gettext

Report = Callable[[float], None]
_SOURCE = {"label": _("Image")}
_SETTINGS = {"label": _("Settings (JSON)")}
# DeepScan's own words, and from Swift 16.17 on the wish of a person that the computation stop.
_PASSED_ON: tuple[type[Exception], ...] = (
    DeepScanError,
    *(getattr(Symbolic, name) for name in ("ComputationCanceledException",) if hasattr(Symbolic, name)),
)
LONGEST_S = 30.0  # that an execution goes on while a scan runs
# Computations whose last execution was given up because its inputs had changed.
_stopped: weakref.WeakSet[Any] = weakref.WeakSet()
# Set while Swift quits: what still computes then can hand its map to nobody, and fails as the interpreter goes.
_quitting = threading.Event()


def quit_computing(quitting: bool = True) -> None:
    """Stop what is being computed, quietly, because Swift quits; ``False`` allows it again."""
    if quitting:
        _quitting.set()
    else:
        _quitting.clear()


class _QuitError(Exception):
    """Swift quits."""


class _OutdatedError(Exception):
    """Nobody waits for this map: there are other clicks. Swift computes again at once."""


@dataclass(frozen=True, eq=False, kw_only=True)
class _Task:
    """What is to be computed.

    Attributes
    ----------
    image : a whole frame.
    source : the same as Swift's data.
    settings : of the map.
    texts : all inputs that are words.
    report : is told how far the work is; what it raises ends it.
    """

    image: CalibratedImage
    source: Any
    settings: MapSettings
    texts: Mapping[str, str]
    report: Report


class _Computation:
    """One execution: Swift makes a handler for each.

    Parameters
    ----------
    computation : of Swift's facade.
    """

    output = "map"
    inputs: Mapping[str, Any] = {"src": _SOURCE, "settings": _SETTINGS}

    def __init__(self, computation: Any, **kwargs: Any) -> None:
        self.computation = computation
        self._model = computation._computation
        self._data_item: Any = next(iter(outputs.sources_of(self._model)), None)
        self._had_output = self._model.get_output(self.output) is not None
        self._data: Any = None
        self._raster: Any = None
        self._showing: tuple[Any, Mapping[str, str]] | None = None
        if self._data_item is not None:
            whole_frames.watch(self._data_item)

    def execute(self, **inputs: Any) -> None:
        """Compute, in a worker's thread. Raises `DeepScanError`, whose words Swift shows."""
        self._execute(inputs, lambda share: None)

    def execute_task(self, context: Any) -> None:
        """Compute, in a worker's thread, telling Swift how far it is; stops where Swift says so."""

        def report(share: float) -> None:
            context.progress = share
            context.sync_execution()

        self._execute(context.parameters.parameter_map, report)

    def commit(self) -> None:
        """Hand out what was computed and is not handed out yet, in the user interface's thread."""
        showing, self._showing = self._showing, None
        if self._is_gone():
            return
        is_live = self._data_item is not None and self._data_item.is_live
        if showing is None or self._is_made_beside(*showing):
            if not is_live:
                outputs.complete(self.computation, self.output)
            return
        outputs.hand_out(self.computation, self.output, self._data, is_live=is_live)
        shown.note(self._model, *showing)
        if self._raster is not None and not self._is_outdated(showing[1]):
            outputs.hand_to_overlays(self._model, self._raster)

    def _execute(self, inputs: Mapping[str, Any], progress: Report) -> None:
        def report(share: float) -> None:
            if _quitting.is_set():
                raise _QuitError
            # Not twice in a row: who drags a click wants to see a map too.
            if self._model not in _stopped and self._is_outdated(texts):
                raise _OutdatedError
            progress(share)

        texts = {name: str(value) for name, value in inputs.items() if name in shown.TEXTS}
        try:
            self._follow(inputs.get("src"), MapSettings.from_json(texts.get("settings", "")), texts, report)
        except _PASSED_ON:
            raise
        except _QuitError:
            return
        except _OutdatedError:
            _stopped.add(self._model)
        except ImportError as error:
            raise MissingError(f"{error.name or error} is not installed: pip install nionswift-deepscan") from None
        except Exception:
            if _quitting.is_set() or self._is_gone():  # its project was closed, or its output deleted, meanwhile
                return
            logging.getLogger("deepscan").exception("a computation of DeepScan failed")
            raise DeepScanError("something unexpected failed: Swift's log says what") from None

    def _follow(self, src: Any, settings: MapSettings, texts: Mapping[str, str], report: Report) -> None:
        """Show one map of a still image; of a live one each frame's, as long as the scan runs and nothing else is asked.

        Swift hands over the map that is left at the end. It adds a line to its activity panel for each execution, and
        takes it away again, which would hold its windows up at every frame.
        """

        def is_awaited() -> bool:
            return not (_quitting.is_set() or self._is_gone() or self._is_outdated(texts))

        # Who asks Swift to compute something new waits for the end of this execution.
        goes_on = not self._has_other_words(texts)
        until_s = time.monotonic() + LONGEST_S
        source = self._frame_to_show(src, texts, is_live=settings.live, is_awaited=is_awaited)
        while source is not None:
            image = bridge.frame_image(self._data_item, source)
            self._compute(_Task(image=image, source=source, settings=settings, texts=texts, report=report))
            self._showing = (source, texts)
            _stopped.discard(self._model)
            precedence.let_pools_yield()
            if not (goes_on and self._is_handed_over(is_awaited) and time.monotonic() < until_s):
                return
            source = self._next_frame(source, is_awaited)

    def _is_handed_over(self, is_awaited: Callable[[], bool]) -> bool:
        """Whether the user interface has shown a map of a live image meanwhile."""
        event_loop = self._data_item._document_model.event_loop if self._data_item.is_live else None
        return event_loop is not None and soon.is_done(event_loop, self.commit, is_awaited=is_awaited)

    def _next_frame(self, source: Any, is_awaited: Callable[[], bool]) -> Any | None:
        """The next whole frame of a live image; None where there is none, or nobody waits for it."""
        came = whole_frames.wait_for_another(self._data_item, source, is_awaited=is_awaited)
        # Not from an input of the computation: rows of another frame have been written over its array meanwhile.
        return self._frame(self._data_item) if came and is_awaited() else None

    def _is_gone(self) -> bool:
        """Whether the computation was closed or its output deleted; Swift 16.18 closes it when the execution has ended."""
        return self._model._closed or (self._had_output and self._model.get_output(self.output) is None)

    def _is_outdated(self, texts: Mapping[str, str]) -> bool:
        """Whether there are other words or clicks by now."""
        now = shown.present_texts(self._model)
        return any(name in now and now[name] != text for name, text in texts.items())

    def _is_made_beside(self, source: Any, texts: Mapping[str, str]) -> bool:
        """Whether a `MadeMap` shows the same, or what other clicks have taught, which count by now."""
        texts_shown = shown.texts_of(self._model)
        is_overtaken = texts_shown is not None and self._is_outdated(texts) and not self._is_outdated(texts_shown)
        return is_overtaken or shown.is_shown(self._model, source, texts)

    def _frame(self, src: Any) -> Any | None:
        """The source's latest whole frame, None where there is none yet."""
        if src is None or self._data_item is None or src.xdata is None or src.xdata.data is None:
            raise InputError("the source of the map holds no data yet: start the scan, or choose an image")
        return whole_frames.latest_whole(self._data_item, src.xdata)

    def _frame_to_show(
        self, src: Any, texts: Mapping[str, str], *, is_live: bool, is_awaited: Callable[[], bool]
    ) -> Any | None:
        """A frame that is not shown yet, waiting for it where the scan runs; None where there is nothing to show."""
        if not is_live:
            whole_frames.rest(self._data_item, is_awaited=is_awaited)
            return None
        source = self._frame(src)
        if source is not None and not shown.is_shown(self._model, source, texts):
            return source
        return self._next_frame(source, is_awaited)

    def _has_other_words(self, texts: Mapping[str, str]) -> bool:
        """Whether a person has changed something since the last map, and waits."""
        return shown.texts_of(self._model) != texts

    def _compute(self, task: _Task) -> None:
        raise NotImplementedError

    def _keep(self, scores: ScoreMap, data: Any) -> None:
        self._data = data
        self._raster = outputs.overlay_raster(self._model, scores)


class SurprisalComputation(_Computation):
    """Inputs ``src``, ``settings``; output ``map``: how rare each place is."""

    label = _("DeepScan surprisal")

    def _compute(self, task: _Task) -> None:
        scores = computing.maker().surprisal(task.image, task.settings, report=task.report)
        self._keep(scores, outputs.map_data(scores, task.source))


class TeacherComputation(_Computation):
    """Inputs ``src``, ``settings``, ``clicks``; output ``map``: probability of showing what was clicked."""

    label = _("DeepScan teacher")
    inputs: Mapping[str, Any] = {**_Computation.inputs, "clicks": {"label": _("Clicks (JSON)")}}

    def _compute(self, task: _Task) -> None:
        clicks = clicks_from_json(task.texts.get("clicks", ""))
        scores = computing.maker().teach(
            task.image,
            clicks,
            task.settings,
            frame_of=lambda name: self._frame_named(name).image,
            version_of=lambda name: self._frame_named(name).version,
            is_hurried=self._data_item.is_live and self._has_other_words(task.texts),
            report=task.report,
        )
        self._keep(scores, outputs.taught_data(scores, task.source, clicks))

    def _frame_named(self, name: str) -> TaughtFrame:
        return TaughtFrame.named(self._data_item._document_model, name)


class TextSearchComputation(_Computation):
    """Inputs ``src``, ``settings``, ``query``; output ``map``: similarity to a few words."""

    label = _("DeepScan text search")
    inputs: Mapping[str, Any] = {**_Computation.inputs, "query": {"label": _("Words")}}

    def _compute(self, task: _Task) -> None:
        query = task.texts.get("query", "")
        scores = computing.maker().search(task.image, query, task.settings, report=task.report)
        self._keep(scores, outputs.map_data(scores, task.source))


class QuantifyComputation(_Computation):
    """Inputs ``src``, ``settings``; output ``table``: a row for each object at the places that surprise."""

    label = _("DeepScan quantify")
    output = "table"

    def _compute(self, task: _Task) -> None:
        self._data = outputs.table_data(computing.maker().quantify(task.image, task.settings, report=task.report))
