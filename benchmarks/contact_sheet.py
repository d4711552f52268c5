"""One picture of every kind of specimen, as the simulated microscope records it, with scale bars.

    python benchmarks/contact_sheet.py                       the picture and the table of docs/specimens.md
    python benchmarks/contact_sheet.py --truth --out t.png   with the outlines of what was planted
    python benchmarks/contact_sheet.py --real ../shared/data --out r.png   real frames, for comparison by eye

Scaled between percentiles, nothing else.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from matplotlib import font_manager
from PIL import Image, ImageDraw, ImageFont
from scale_bar import draw_scale_bar

from deepscan_core.ingest.readers import read_image
from deepscan_core.records.coordinates import SamplingGrid
from deepscan_core.records.costs import dose_e_per_nm2
from deepscan_core.simulation.detectability import detectabilities
from deepscan_core.simulation.physics import AcquisitionPhysics, Exposure, record_frame
from deepscan_core.simulation.specimens import KINDS, PlantedSpecimen, SpecimenKind

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "specimens.md"
PICTURE = ROOT / "docs" / "pictures" / "specimens.png"
MARKS = ("<!-- written by benchmarks/contact_sheet.py -->", "<!-- end -->")
SEEDS = (0, 1, 2)  # of the table
TILE_PX, CAPTION_PX, COLUMNS, SEED = 224, 18, 6, 2
PREVIEW_PX = 512  # a usual preview; atomic tiles are cut from one, others are recorded over its whole field of view
GREYS = 26  # noise does not compress; the eye does not tell more apart in it
JITTER_PX = 0.15
FONT = ImageFont.truetype(font_manager.findfont("DejaVu Sans"), 11)
REAL = (
    "stem_pt_single_atoms/048.png",
    "stem_pt_single_atoms/021.png",
    "sem_ebc_cracks/010417_4_S2480023.png",
    "sem_am_powder_satellites/Sc1Tile_001-001-000_0-000.png",
    "sem_nanocomposite_agglomerates/5C3_0.png",
    "sem_superalloy/spot6_0d_2.png",
    "sem_pores_ceramic/*.png",
    "sem_uhcs_spheroidite/*.png",
    "em_particles_emps/*.png",
)


def shown(array: np.ndarray) -> np.ndarray:
    """Grey levels between percentiles."""
    low, high = np.percentile(array, [0.5, 99.7])
    levels = np.clip((array - low) / ((high - low) or 1), 0, 1)
    return (np.round(levels * (GREYS - 1)) * (255 / (GREYS - 1))).astype(np.uint8)


def view_of(kind: SpecimenKind, specimen: PlantedSpecimen) -> SamplingGrid:
    """What a tile shows: atomic kinds around the defect nearest to the middle, at the pixel size of a preview."""
    close = kind.name == "crystal" or (kind.family == "atomic" and kind.name != "single-atoms")
    side_nm = kind.fov_nm * (TILE_PX / PREVIEW_PX if close else 1.0)
    y_nm, x_nm = 0.0, 0.0
    if close:
        y_nm, x_nm = min((d.center_nm for d in specimen.truth if not d.is_extended), key=lambda c: np.hypot(*c))
    return SamplingGrid(
        rows=TILE_PX, cols=TILE_PX, height_nm=side_nm, width_nm=side_nm, center_y_nm=y_nm, center_x_nm=x_nm
    )


def tile(kind: SpecimenKind, *, truth: bool) -> Image.Image:
    """One kind with its caption."""
    specimen = kind.make(SEED)
    grid = view_of(kind, specimen)
    exposure = Exposure(grid=grid, dwell_time_us=kind.dwell_time_us, beam_current_pa=kind.beam_current_pa)
    physics = AcquisitionPhysics(line_jitter_nm=JITTER_PX * grid.width_nm / TILE_PX)
    frame = record_frame(specimen, exposure, np.random.default_rng(SEED), physics=physics)
    grey = shown(frame)
    if truth:
        y_nm, x_nm = grid.mesh_nm()
        for defect in specimen.truth:
            inside = defect.covers(y_nm, x_nm)
            edge = inside & ~(np.roll(inside, 1, 0) & np.roll(inside, 1, 1) & np.roll(inside, -1, 0))
            grey[edge] = 255
    picture = Image.new("L", (TILE_PX, TILE_PX + CAPTION_PX))
    picture.paste(Image.fromarray(grey), (0, 0))
    draw = ImageDraw.Draw(picture)
    draw_scale_bar(draw, FONT, TILE_PX, grid.width_nm)
    draw.text((3, TILE_PX + 2), kind.name, fill=255, font=FONT)
    return picture


def real_tile(path: Path) -> Image.Image:
    """The middle of a real frame."""
    array = read_image(path).array.astype(float)
    side = min(*array.shape, 720)
    top, left = ((n - side) // 2 for n in array.shape)
    grey = Image.fromarray(shown(array[top : top + side, left : left + side])).resize((TILE_PX, TILE_PX))
    picture = Image.new("L", (TILE_PX, TILE_PX + CAPTION_PX))
    picture.paste(grey, (0, 0))
    ImageDraw.Draw(picture).text((3, TILE_PX + 2), f"{path.parent.name}/{path.stem}"[:36], fill=255, font=FONT)
    return picture


def sheet(tiles: list[Image.Image]) -> Image.Image:
    """Tiles in rows."""
    rows = -(-len(tiles) // COLUMNS)
    whole = Image.new("L", (COLUMNS * (TILE_PX + 4), rows * (TILE_PX + CAPTION_PX)))
    for number, one in enumerate(tiles):
        whole.paste(one, (number % COLUMNS * (TILE_PX + 4), number // COLUMNS * (TILE_PX + CAPTION_PX)))
    return whole


def d_primes(kind: SpecimenKind) -> dict[str, list[float]]:
    """The ideal observer's d′ of all defects centred in a usual preview, by class, over a few seeds."""
    found: dict[str, list[float]] = {}
    grid = SamplingGrid(rows=PREVIEW_PX, cols=PREVIEW_PX, height_nm=kind.fov_nm, width_nm=kind.fov_nm)
    exposure = Exposure(grid=grid, dwell_time_us=kind.dwell_time_us, beam_current_pa=kind.beam_current_pa)
    for seed in SEEDS:
        for one in detectabilities(kind.make(seed), exposure):
            if max(map(abs, one.defect.center_nm)) <= kind.fov_nm / 2:
                found.setdefault(one.defect.kind, []).append(one.d_prime)
    return found


def table() -> str:
    """Markdown: how each kind is usually looked at, and how visible its defects are then."""
    lines = [
        "| name | what | field of view | dwell, current | dose e/nm² | d′ of its defects: median (least) |",
        "|---|---|---|---|---|---|",
    ]
    for kind in KINDS.values():
        side = f"{kind.fov_nm / 1000:g} µm" if kind.fov_nm >= 1000 else f"{kind.fov_nm:g} nm"
        samples = (PREVIEW_PX, PREVIEW_PX)
        dose = dose_e_per_nm2(*samples, kind.dwell_time_us, kind.beam_current_pa, kind.fov_nm, kind.fov_nm)
        seen = "; ".join(
            f"{name} {np.median(values):.3g} ({min(values):.2g})" for name, values in sorted(d_primes(kind).items())
        )
        view = f"{kind.dwell_time_us:g} µs, {kind.beam_current_pa:g} pA"
        lines.append(f"| `{kind.name}` | {kind.title} | {side} | {view} | {dose:.2g} | {seen} |")
    return "\n".join(lines)


def write_table(page: Path) -> None:
    """Replace the table between the marks of a page."""
    before, mark, rest = page.read_text(encoding="utf-8").partition(MARKS[0])
    _, end, after = rest.partition(MARKS[1])
    if not (mark and end):
        raise SystemExit(f"{page} lacks the marks {MARKS}")
    page.write_text(f"{before}{mark}\n{table()}\n{end}{after}", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=PICTURE)
    parser.add_argument("--truth", action="store_true", help="outline what was planted")
    parser.add_argument("--real", type=Path, help="folder of real micrographs, shown instead")
    arguments = parser.parse_args()
    if arguments.real:
        found = [next(p for p in sorted(arguments.real.glob(name)) if "_mask" not in p.stem) for name in REAL]
        tiles = [real_tile(path) for path in found]
    else:
        tiles = [tile(kind, truth=arguments.truth) for kind in KINDS.values()]
        if arguments.out == PICTURE:
            write_table(PAGE)
    sheet(tiles).save(arguments.out, optimize=True)
    print(arguments.out)


if __name__ == "__main__":
    main()
