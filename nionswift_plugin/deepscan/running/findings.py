"""What a person makes of a plan and its results: views of regions, grounds, reports."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepscan_core.errors import InputError

from ..desk import Desk
from ..drawing.annotations import selected_order
from ..mapping.live_map import LiveMap
from ..view import Phase
from . import results, why_here
from .runs import Runs

if TYPE_CHECKING:
    from deepscan_core.explain import Explanation

    from .planning import Plan


class Findings:
    """The results of one window.

    Parameters
    ----------
    desk : of the session.
    live : the image and what lies over it.
    runs : have recorded frames.
    """

    def __init__(self, desk: Desk, live: LiveMap, runs: Runs) -> None:
        self._desk, self._live, self._runs = desk, live, runs

    def look_at(self, row: int) -> None:
        """Bring a region of the plan into view."""
        protocol = self._desk.protocol
        if protocol is not None and 0 <= row < len(protocol.steps):
            for display_item in self._live.display_items():
                results.look_at(display_item, protocol, protocol.steps[row])

    def look_at_all(self) -> None:
        """Show the whole image again."""
        for display_item in self._live.display_items():
            results.look_at_all(display_item)

    def export(self, folder: Path) -> None:
        """Write protocol, map, measurements and report into a new folder inside `folder`, in the worker."""
        desk = self._desk
        desk.refuse_while_busy("Export")
        plan = desk.plan
        if plan is None:
            raise InputError("there is no plan to export: press Plan first")
        frames = () if self._runs.visit is None else self._runs.visit.frames_as_planned
        look = self._live.look(plan.question)
        desk.show(Phase.EXPORTING, "Writing the report …", 0)

        def write() -> None:
            report = results.export(plan, frames, folder, look)
            desk.worker.on_ui(desk.show, Phase.PLANNED, f"Written: {report}", 100)

        desk.worker.start(write)

    def why_here(self, row: int | None) -> None:
        """Make a picture of why a region was chosen, in the worker: of the selected one, else of a line of the results."""
        desk = self._desk
        desk.refuse_while_busy("Why here")
        plan = desk.plan
        if plan is None:
            raise InputError("there is no plan yet: press Plan first")
        order = self._chosen(row)
        if order is None or not 1 <= order <= len(plan.regions):
            raise InputError("no region is chosen: click a line of the results, or a region in the image")
        look = self._live.look(plan.question)
        desk.show(Phase.EXPLAINING, f"Looking why region {order} was chosen …", 0)

        def explain() -> None:
            found, picture = why_here.explain(plan, order, look)
            desk.worker.on_ui(self._explained, plan, order, found, picture)

        desk.worker.start(explain)

    def make_composite(self) -> None:
        """Image and overlay as one picture, to export with Swift's own means."""
        self._desk.say(f"“{self._live.make_composite().title}” is in the library.")

    def _chosen(self, row: int | None) -> int | None:
        """The number of the region that a person means."""
        selected = [selected_order(display_item) for display_item in self._live.display_items()]
        return next((one for one in selected if one is not None), None if row is None or row < 0 else row + 1)

    def _explained(self, plan: Plan, order: int, found: Explanation, picture: Any) -> None:
        title = why_here.add_picture(self._desk.library, plan, order, found, picture).title
        self._desk.show(Phase.PLANNED, f"“{title}” is in the library. {' '.join(found.sentences)}", 100)
