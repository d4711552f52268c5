"""Preview, plan and acquisition on a simulated microscope with known truth.

python examples/03_drive_a_simulated_microscope.py
"""

import deepscan_core as ds
from deepscan_core.efficiency import efficiency_rows
from deepscan_core.instruments.simulated import SimulatedController
from deepscan_core.simulation.specimens import make_specimen
from deepscan_core.survey import look

specimen = make_specimen("crystal", seed=3)
context = ds.ScanContext(rows=512, cols=512, fov_y_nm=20, fov_x_nm=20, rotation_rad=0.3, beam_current_pa=50)
microscope = SimulatedController(specimen, context, dwell_time_us=2)

preview, image = look(microscope)
study = ds.Study(image)
regions = study.regions(study.surprisal(), area_fraction=0.12, region_size_px=32)
protocol = ds.make_protocol(image, regions, context=microscope.context())

survey = ds.Survey(protocol, microscope, on_status=lambda s: print(f"\r{s.state.value}: {s.steps_done}", end=""))
survey.check()  # the dry run: what would be refused is refused here
tiles = survey.run()

in_context = [context.nm_from_specimen((float(y), float(x))) for y, x in specimen.defects_nm]
inside = [context.px_from_nm(p) for p in in_context if max(abs(p[0]), abs(p[1])) < 10]
last = [
    row
    for row in efficiency_rows(protocol, truth_px=inside, preview_dwell_us=preview.dwell_time_us)
    if row.strategy == "deepscan"
][-1]
print(
    f"\n{len(tiles)} tiles; {last.captured_fraction:.0%} of {len(inside)} defects "
    f"for {last.dose_fraction:.0%} of the dose of a full scan, the preview included"
)
