"""A scale bar for the pictures of the docs."""

from __future__ import annotations

from PIL import ImageDraw, ImageFont

MOST_SHARE = 0.35  # of the width
LEAST_PLATE_PX = 34  # holds the text


def draw_scale_bar(draw: ImageDraw.ImageDraw, font: ImageFont.FreeTypeFont, side_px: int, width_nm: float) -> None:
    """A bar of a round length, bottom left.

    Parameters
    ----------
    draw, font : of the picture.
    side_px : of the square that shows the field of view, at the top left of the picture.
    width_nm : of the field of view.
    """
    fitting = [m * 10.0**e for e in range(-2, 5) for m in (1, 2, 5) if m * 10.0**e < MOST_SHARE * width_nm]
    length_nm = fitting[-1]
    length_px = round(length_nm / width_nm * side_px)
    text = f"{length_nm / 1000:g} µm" if length_nm >= 1000 else f"{length_nm:g} nm"
    draw.rectangle((6, side_px - 24, 12 + max(length_px, LEAST_PLATE_PX), side_px - 4), fill="black")
    draw.rectangle((9, side_px - 9, 9 + length_px, side_px - 7), fill="white")
    draw.text((9, side_px - 23), text, fill="white", font=font)
