"""From a click in the image to the changed map, in real Swift, while the scan runs and while it stands.

    python benchmarks/swift_clicks.py [--backbone tf_efficientnet_lite0] [--clicks 30]

512 x 512 samples at 4 µs on the simulated microscope, on a virtual display; places and pauses between clicks (1.5 to 3 s)
are drawn by chance, seeded. Two times are taken: when Swift first draws an overlay that was made from all the clicks, and
when the map's data item has them.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time

import numpy as np
from in_swift import PANEL_ID, SIDE_PX, begin, click, give_back, measured, slow_down_scan, until

WARM_S, LONGEST_S = 20.0, 5.0
PAUSES_S = (1.5, 3.0)
EDGE_PX = 30
DRAWN, COMMITTED = "overlay drawn", "data item changed"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backbone", default="tf_efficientnet_lite0")
    parser.add_argument("--clicks", type=int, default=30)
    options = parser.parse_args()
    patience_s = 120 + 2 * options.clicks * (LONGEST_S + PAUSES_S[1])
    found = measured(__file__, {"clicks": options.clicks}, backbone=options.backbone, patience_s=patience_s)
    if not found:
        return 3
    for name, clicks in found.items():
        for what in (DRAWN, COMMITTED):
            taken_ms = [one[what] for one in clicks]
            median, late = np.percentile(taken_ms, (50, 95))
            print(
                f"{name}, {what}: median {median:.0f} ms, 95th percentile {late:.0f} ms "
                f"({min(taken_ms):.0f} to {max(taken_ms):.0f}, {len(taken_ms)} clicks)"
            )
    return 0


async def script_main(window) -> None:
    settings = begin()
    panel = window.find_dock_panel(PANEL_ID).handler
    await until(lambda: panel.session.map_item is not None and panel.session.map_item.has_data)
    slow_down_scan()
    await asyncio.sleep(WARM_S)
    noted = Noted()
    display_panel = window.workspace_controller.display_panels[0]
    chance = np.random.default_rng(1)
    panel.arm_positive()

    async def several() -> list[dict[str, float]]:
        return [await answered(panel, display_panel, noted, chance) for _ in range(settings["clicks"])]

    found = {"the first of all": [await answered(panel, display_panel, noted, chance)]}
    found["while the scan runs"] = await several()
    stop_scan()
    await asyncio.sleep(2 * PAUSES_S[1])
    found["while it stands"] = await several()
    give_back(found)
    window.queue_request_close()


async def answered(panel, display_panel, noted: Noted, chance: np.random.Generator) -> dict[str, float]:
    """Milliseconds until the map of one more click is drawn, and until its data item has changed."""
    await asyncio.sleep(chance.uniform(*PAUSES_S))
    began = time.perf_counter()
    click(display_panel, *chance.uniform(EDGE_PX, SIDE_PX - EDGE_PX, 2))
    while time.perf_counter() - began < LONGEST_S:
        count = panel.session.live.clicks.count("y_frac")
        if count in noted.drawn and count in noted.committed:
            return {
                DRAWN: (noted.drawn[count] - began) * 1e3,
                COMMITTED: (noted.committed[count] - began) * 1e3,
            }
        await asyncio.sleep(0.005)
    return {DRAWN: LONGEST_S * 1e3, COMMITTED: LONGEST_S * 1e3}


class Noted:
    """When what was made of so many clicks was first drawn, and when it was first in the data item of the map.

    A map is followed on its way by what carries it: its levels, and the picture made of those.
    """

    def __init__(self) -> None:
        from deepscan_core.live.beside import MapProcess
        from nionswift_plugin.deepscan.computations import TEACHER, MadeMap, TeacherComputation, computation_of, shown
        from nionswift_plugin.deepscan.drawing import overlay

        self.drawn: dict[int, float] = {}
        self.committed: dict[int, float] = {}
        self._carriers: dict[int, int] = {}
        self._kept: list = []  # so that no id is used again
        teach, teach_levels, prepare = MapProcess.teach, MapProcess.teach_levels, overlay.prepare_for
        draw = overlay._draw_raster
        commit, show_made = TeacherComputation.commit, MadeMap.show

        def teaching(process, image, clicks, settings, **others):
            scores = teach(process, image, clicks, settings, **others)
            self._carry(scores.display_levels, len(clicks))
            return scores

        def teaching_levels(process, image, clicks, settings, **others):
            levels = teach_levels(process, image, clicks, settings, **others)
            self._carry(levels, len(clicks))
            return levels

        def preparing(display_items, levels):
            prepare(display_items, levels)
            count = self._carriers.get(id(levels))
            if count is not None:
                for display_item in display_items:
                    self._carry(overlay.color_maps.painted(levels, overlay.style_of(display_item)), count)
            return levels

        def drawing(context, mapping, bounds, raster):
            draw(context, mapping, bounds, raster)
            if id(raster) in self._carriers:
                self.drawn.setdefault(self._carriers[id(raster)], time.perf_counter())

        def committing(computation):
            showing = computation._showing
            commit(computation)
            if showing is not None:
                self._note_committed(showing[1])

        def showing_made(made, document_model, data_item):
            show_made(made, document_model, data_item)
            self._note_committed(shown.texts_of(computation_of(document_model, data_item, TEACHER)))

        MapProcess.teach, MapProcess.teach_levels = teaching, teaching_levels
        overlay.prepare_for, overlay._draw_raster = preparing, drawing
        TeacherComputation.commit, MadeMap.show = committing, showing_made

    def _note_committed(self, texts: dict[str, str]) -> None:
        self.committed.setdefault(texts["clicks"].count("y_frac"), time.perf_counter())

    def _carry(self, carrier, count: int) -> None:
        self._carriers[id(carrier)] = count
        self._kept.append(carrier)


def stop_scan() -> None:
    from nion.utils import Registry

    Registry.get_component("stem_controller").scan_controller.stop_playing()


if __name__ == "__main__":
    sys.exit(main())
main = script_main
