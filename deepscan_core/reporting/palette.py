"""Colours of the pages and drawings, chosen for readers who see colours differently.

Text reaches the contrast of WCAG 2.2 level AA (4.5:1) in both schemes, edges of controls and curves 3:1. Colours that mean
different things stay apart under simulated protanopia, deuteranopia and tritanopia; tests compute both.
"""

from __future__ import annotations

from collections.abc import Mapping

BOX_COLOUR = "#46d9ff"  # regions
RING_COLOUR = "#ff4fb0"  # planted defects
ROUTE_COLOUR = "#ffffff"

LIGHT: Mapping[str, str] = {
    "paper": "#fcfbf8",
    "ink": "#1c2430",
    "soft": "#565f6d",
    "line": "#e2dfd7",
    "edge": "#7a8391",
    "wash": "#f3f1eb",
    "accent": "#0b6a8f",
    "lit": "#d9f1fa",
    "warn": "#fdf1d3",
    "warn-edge": "#a36f00",
    "c0": "#0077aa",
    "c1": "#aa1155",
    "c2": "#667700",
    "c3": "#0000bb",
    "c4": "#dd6677",
    "c5": "#550000",
}
DARK: Mapping[str, str] = {
    "paper": "#14171c",
    "ink": "#e7e8ea",
    "soft": "#a3acb8",
    "line": "#2f353f",
    "edge": "#727c8a",
    "wash": "#20252d",
    "accent": "#6fcbea",
    "lit": "#173a49",
    "warn": "#332a12",
    "warn-edge": "#d9a93a",
    "c0": "#55bbee",
    "c1": "#ffaaaa",
    "c2": "#889900",
    "c3": "#6666ee",
    "c4": "#bb5577",
    "c5": "#ffff00",
}
PRINT: Mapping[str, str] = {
    **LIGHT,
    "paper": "#ffffff",
    "ink": "#000000",
    "soft": "#444444",
    "line": "#bbbbbb",
    "wash": "#f4f4f4",
    "accent": "#000000",
    "lit": "#ffffff",
}


def custom_properties(colours: Mapping[str, str]) -> str:
    """A palette as CSS custom properties.

    >>> custom_properties({"ink": "#000000"})
    '--ink: #000000;'
    """
    return " ".join(f"--{name}: {colour};" for name, colour in colours.items())
