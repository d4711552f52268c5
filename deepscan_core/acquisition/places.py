"""Where a run's electrons went: on the map of doses, place by place, and where the beam is now."""

from __future__ import annotations

from deepscan_core.acquisition.dose_map import DoseGrid
from deepscan_core.acquisition.neighbours import Exposed, Neighbourhood
from deepscan_core.acquisition.stages import START, Where
from deepscan_core.records.coordinates import YX, SamplingGrid, ScanContext
from deepscan_core.records.protocol import ScanLimits


class Places:
    """Everything that was exposed in a run.

    Parameters
    ----------
    context : of the run, calibrated.
    limits : see `Neighbourhood`.
    park_fraction : where the beam is parked between steps; None where it is blanked.

    Attributes
    ----------
    dose : of every pixel of the preview.
    neighbours : the exposures one by one.
    count : of exposures.
    here : beam and stage.
    """

    def __init__(self, context: ScanContext, limits: ScanLimits, park_fraction: YX | None) -> None:
        self.dose = DoseGrid(context)
        self.neighbours = Neighbourhood(limits)
        self.count = 0
        self.here = START
        self._park_nm = None if park_fraction is None else context.nm_from_px(context.px_from_fraction(park_fraction))

    def expose(self, grid: SamplingGrid, electrons: float) -> Exposed:
        """Count an exposure of a rectangle, evenly."""
        exposed = Exposed(grid=grid, dose_e_per_nm2=0.0)
        self.neighbours.add(exposed)
        self.add(exposed, electrons)
        self.count += 1
        return exposed

    def add(self, exposed: Exposed, electrons: float) -> None:
        """It had so many more, or fewer, than was thought."""
        self.dose.add(exposed.grid, electrons)
        exposed.dose_e_per_nm2 += electrons / (exposed.grid.height_nm * exposed.grid.width_nm)

    def go(self, there: Where, electrons: float) -> None:
        """Move on, exposing what lies on the way."""
        self.dose.add_along(self.here.beam_nm, there.beam_nm, electrons)
        self.here = there

    def undo(self, exposed: Exposed, electrons: float, *, before: Where, way_electrons: float) -> None:
        """Neither the last exposure nor the way to it has happened."""
        self.dose.add(exposed.grid, -electrons)
        self.dose.add_along(before.beam_nm, self.here.beam_nm, -way_electrons)
        self.neighbours.remove(exposed)
        self.count -= 1
        self.here = before

    def park(self, electrons: float) -> None:
        """The parked beam has exposed its place; nothing where it is blanked."""
        if self._park_nm is not None and electrons:
            self.dose.add_at(self._park_nm, electrons)
