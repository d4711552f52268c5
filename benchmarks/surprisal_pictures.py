"""Previews, what the rest of each image does not predict, and the regions that follow: the picture of docs/surprisal.md.

    python benchmarks/surprisal_pictures.py [--out docs/pictures/surprisal.png]

Green circles are planted defects, yellow squares the regions at one expected false region a frame.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from matplotlib import font_manager
from PIL import Image, ImageDraw, ImageFont
from scale_bar import draw_scale_bar

from deepscan_core import Study
from deepscan_core.benchmarking.planted_scenes import ATOMIC, atomic_scene, clean_scene, micro_scene
from deepscan_core.benchmarking.scene import Scene
from deepscan_core.ingest.normalise import normalise
from deepscan_core.scoring.calibration import level_for_false_regions
from deepscan_core.scoring.filters import spots
from deepscan_core.scoring.self_similarity import SIGMA_OF_MAD, residual_sigmas
from deepscan_core.scoring.structure import structure_of
from deepscan_core.scoring.surprisal import SPOT_PX

PICTURE = Path(__file__).parents[1] / "docs" / "pictures" / "surprisal.png"
SIDE_PX, SHOWN_PX, CAPTION_PX = 512, 300, 20
SCENES = (
    ("MoS2, 20 px between columns", "mos2", 4),
    ("gold bicrystal", "gold-bicrystal", 4),
    ("single atoms on a support", "single-atoms", 6),
    ("cracks", "cracks", 0),
    ("SrTiO3 without defects", "srtio3", None),
)
GREYS = 26
MOST_SIGMAS = 6.0
FONT = ImageFont.truetype(font_manager.findfont("DejaVu Sans"), 12)
HEADINGS = ("", f"not predicted, 0 to {MOST_SIGMAS:g} sigma", "surprisal, white = region at K = 1")


def scene_of(kind: str, seed: int | None) -> Scene:
    """A frame with defects, or without where there is no seed."""
    if seed is None:
        return clean_scene(kind, 0, SIDE_PX)
    return atomic_scene(kind, seed, SIDE_PX) if kind in ATOMIC else micro_scene(kind, seed, SIDE_PX)


def grey(values: np.ndarray, low: float, high: float) -> Image.Image:
    """Few grey levels, since noise does not compress."""
    levels = np.round(np.clip((values - low) / (high - low), 0, 1) * (GREYS - 1)) * (255 / (GREYS - 1))
    return Image.fromarray(levels.astype(np.uint8)).convert("RGB").resize((SHOWN_PX, SHOWN_PX))


def marked(scene: Scene, study: Study) -> Image.Image:
    """The preview with its truth and the regions of one expected false region."""
    array = np.asarray(scene.preview.array)
    picture = grey(array, *(float(q) for q in np.percentile(array, [0.5, 99.7])))
    draw = ImageDraw.Draw(picture)
    scale = SHOWN_PX / SIDE_PX
    for y, x in (scene.points_px + 0.5) * scale:
        draw.ellipse((x - 4, y - 4, x + 4, y + 4), outline=(0, 230, 118), width=2)
    for region in study.regions(study.surprisal(), expected_false_regions=1, region_size_px=scene.region_px):
        top, left, bottom, right = ((edge + 0.5) * scale for edge in region.bounds_px)
        draw.rectangle((left, top, right, bottom), outline=(255, 214, 0))
    draw_scale_bar(draw, FONT, SHOWN_PX, scene.preview.context().fov_nm[1])
    return picture


def row(title: str, scene: Scene) -> Image.Image:
    """Three pictures and a caption."""
    study = Study(scene.preview, seed=scene.seed)
    unpredicted = spots(residual_sigmas(structure_of(normalise(scene.preview.array))), SPOT_PX)
    sigma = float(np.median(unpredicted)) * SIGMA_OF_MAD
    level = level_for_false_regions(1, scene.preview.shape)
    pictures = (
        marked(scene, study),
        grey(unpredicted, 0, MOST_SIGMAS * sigma),
        grey(study.surprisal().values, 0, level),
    )
    sheet = Image.new("RGB", (3 * SHOWN_PX + 8, SHOWN_PX + CAPTION_PX), "white")
    draw = ImageDraw.Draw(sheet)
    for number, (picture, heading) in enumerate(zip(pictures, HEADINGS, strict=True)):
        left = number * (SHOWN_PX + 4)
        draw.text((left + 2, 3), heading or title, fill="black", font=FONT)
        sheet.paste(picture, (left, CAPTION_PX))
    return sheet


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=PICTURE)
    arguments = parser.parse_args()
    rows = [row(title, scene_of(kind, seed)) for title, kind, seed in SCENES]
    sheet = Image.new("RGB", (rows[0].width, sum(r.height + 4 for r in rows)), "white")
    top = 0
    for one in rows:
        sheet.paste(one, (0, top))
        top += one.height + 4
    sheet.quantize(256, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE).save(arguments.out, optimize=True)
    print(f"{arguments.out}: {arguments.out.stat().st_size / 1024:.0f} kB")


if __name__ == "__main__":
    main()
