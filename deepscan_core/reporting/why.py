"""“Why here”: what an explanation tells, for the card of its region."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from deepscan_core.explain import Explanation
from deepscan_core.explain.likeness import Likeness
from deepscan_core.explain.neighbours import Neighbours
from deepscan_core.explain.saying import Saying
from deepscan_core.explain.spectrum import Spectrum
from deepscan_core.records.coordinates import YX
from deepscan_core.records.image import CalibratedImage
from deepscan_core.records.regions import ScanRegion
from deepscan_core.reporting.drawing import nice_length
from deepscan_core.reporting.raster import RGB, data_uri, grey_between, png_bytes, scale_bar_units
from deepscan_core.reporting.why_rasters import (
    MOST_SIGMAS,
    observed_rgb,
    predicted_rgb,
    raised_rgb,
    shown_bins,
    signed_rgb,
    spectrum_rgb,
)
from deepscan_core.reporting.wording import number, plural, short

BAR_SHARE = 0.4
MOST_EXPLAINED = 12  # regions of a report: nine pictures each
LEAST_SHARE = 0.005  # of a score: smaller parts are not told
PART_NAMES = {
    "spots": "spots not predicted",
    "fine spots": "fine spots not predicted",
    "lines": "lines not predicted",
    "patches": "texture unlike the bulk",
    "brightness": "unusual brightness",
}


class Explains(Protocol):
    """What says why a region scores as it does, such as a `Study`."""

    def explain(self, region: ScanRegion, clicks_px: Sequence[YX] = ()) -> Explanation:
        """See `Study.explain`."""


def explained(
    study: Explains, regions: Sequence[ScanRegion], clicks_px: Sequence[YX] = (), *, most: int = MOST_EXPLAINED
) -> dict[int, Explanation]:
    """Why the highest-scoring regions score as they do, by their number in `regions`, which begins at 1."""
    ranked = sorted(range(len(regions)), key=lambda k: -regions[k].score)[:most]
    return {k + 1: study.explain(regions[k], clicks_px) for k in sorted(ranked)}


def why_view(found: Explanation, image: CalibratedImage, levels: tuple[float, float], label: str) -> dict[str, Any]:
    """Sentences, pictures and numbers of one region; `levels` are black and white of the whole image, `label` names it."""
    return {
        "sentences": found.sentences,
        "parts": _parts(found),
        "nats": number(found.nats),
        "tables": [*_likeness_table(found.likeness), *_saying_tables(found.saying)],
        "pictures": [
            *_residual_pictures(found, label),
            *_raised_picture(found, label),
            *_said_picture(found, label),
            *_spectrum_picture(found, label),
        ],
        "neighbours": _neighbours(found, image, levels, label),
        "most_sigmas": short(MOST_SIGMAS),
    }


def _parts(found: Explanation) -> list[tuple[str, str, str]]:
    """Name, nats and share of each part that gives something, the largest first."""
    ranked = sorted(found.contributions_nats.items(), key=lambda item: -item[1])
    least = LEAST_SHARE * found.nats
    return [
        (PART_NAMES[name], f"{number(nats)} nats", f"{100 * nats / found.nats:.1f}")
        for name, nats in ranked
        if nats > least
    ]


def _likeness_table(found: Likeness | None) -> list[dict[str, Any]]:
    return [] if found is None else [_bars(likeness_caption(found), found.contributions)]


def likeness_caption(found: Likeness) -> str:
    """What the contributions of features to a likeness add up to."""
    return f"What makes it {found.label}: score {number(found.score, 2)}, the bulk has 0 and the clicks 1"


def _saying_tables(found: Saying | None) -> list[dict[str, Any]]:
    return [] if found is None else [_bars(saying_caption(found), saying_rows(found))]


def saying_caption(found: Saying) -> str:
    """What the log-odds at each scale are of."""
    return f"Log-odds of “{found.phrase}” by scale; their mean counts"


def saying_rows(found: Saying) -> list[tuple[str, float]]:
    """Each scale and its log-odds."""
    return [(f"in cells of {short(cell_px)} px", score) for cell_px, score in found.by_scale]


def _bars(caption: str, rows: Sequence[tuple[str, float]]) -> dict[str, Any]:
    """Numbers of either sign; bars for those above 0, against the largest."""
    largest = max((value for _, value in rows), default=0.0)
    shares = [100 * max(value, 0.0) / largest if largest > 0 else 0.0 for _, value in rows]
    told = [signed(value) for _, value in rows]
    return {
        "caption": caption,
        "rows": [(name, text, f"{share:.1f}") for (name, _), text, share in zip(rows, told, shares, strict=True)],
    }


def signed(value: float) -> str:
    """Two decimals, with either sign."""
    return f"{value:+.2f}".replace("-", "−")


def _said_picture(found: Explanation, label: str) -> list[dict[str, Any]]:
    if found.saying is None:
        return []
    said = found.saying.occlusion
    most = number(max(float(said.drops_nats.max()), 0.0), 2)
    left = number(said.left_nats, 2)
    words = (
        f"What in {label} says “{found.saying.query}”: replacing one cell takes up to {most}; {left} are left of all"
    )
    pixels = said_rgb(found, found.saying)
    return [_of_window(found, pixels, f"Says the words: a cell up to {most}; without all {left} are left", words)]


def said_rgb(found: Explanation, saying: Saying) -> RGB:
    """What in the region says the words, in shares of what all of it adds."""
    drops = saying.occlusion.drops_nats
    whole = max(saying.score - saying.occlusion.left_nats, float(drops.max()), 1e-9)
    return raised_rgb(found, saying.occlusion, whole=whole)


def _residual_pictures(found: Explanation, label: str) -> list[dict[str, Any]]:
    odd = found.oddity
    most = f"{abs(odd.sigmas):.1f} sigma {'above' if odd.sigmas > 0 else 'below'}"
    return [
        _of_window(
            found, observed_rgb(found), "Seen", f"{label} and its surroundings, slightly smoothed", outlined=True
        ),
        _of_window(found, predicted_rgb(found), "Predicted", f"{label} as the rest of the image predicts it"),
        _of_window(
            found,
            signed_rgb(found.residual.sigmas),
            "Difference, sigma",
            f"{label}: seen minus predicted in sigmas, blue below and orange above; over a spot at most {most}",
        )
        | {"has_colour_bar": True},
    ]


def _raised_picture(found: Explanation, label: str) -> list[dict[str, Any]]:
    if found.occlusion is None:
        return []
    most = max(float(found.occlusion.drops_nats.max()), 0.0)
    words = (
        f"What raises the score of {label}: replacing one cell by what is predicted takes up to {number(most, 2)} of "
        f"{number(found.nats)} nats; replacing all leaves {number(found.occlusion.left_nats, 2)}"
    )
    caption = (
        f"Raises the score: a cell up to {number(most)} nats; without all {number(found.occlusion.left_nats)} are left"
    )
    return [_of_window(found, raised_rgb(found, found.occlusion), caption, words)]


def _spectrum_picture(found: Explanation, label: str) -> list[dict[str, Any]]:
    spectrum = found.spectrum
    if spectrum is None:
        return []
    shown = shown_bins(spectrum)
    side = shown.stop - shown.start
    length_bins, bar = reciprocal_bar(spectrum, found.pixel_size_nm, side)
    middle = len(spectrum.power) // 2 - shown.start + 0.5
    rings = [(middle + sign * x, middle + sign * y) for y, x in spectrum.peaks_bins for sign in (1, -1)]
    share = f"{100 * spectrum.crystallinity:.0f} %"
    around = "" if found.crystallinity_around is None else f", around it {100 * found.crystallinity_around:.0f} %"
    window = f"{len(spectrum.power)} px"
    peaks = plural(len(spectrum.peaks_bins), "pair")
    return [
        {
            "png": data_uri(png_bytes(spectrum_rgb(spectrum))),
            "alt": f"Power spectrum of {window} around {label}: {peaks} of lattice peaks with {share} of the signal",
            "caption": f"Fourier transform of {window}: lattice {share} of the signal{around}",
            "aspect": f"{_pixel_aspect(found.pixel_size_nm):.5f}",
            "bar_percent": f"{100 * length_bins / side:.2f}",
            "bar_label": bar,
            "has_colour_bar": False,
            "marks": {
                "cols": side,
                "rows": side,
                "boxes": [],
                "rings": [(f"{x:.2f}", f"{y:.2f}") for x, y in rings if 0 < x < side and 0 < y < side],
            },
        }
    ]


def reciprocal_bar(spectrum: Spectrum, pixel_size_nm: YX | None, side_bins: int) -> tuple[float, str]:
    """Length in bins along x of a scale bar of spatial frequency, and its label."""
    step, unit = spectrum.step_per_px, "px⁻¹"
    if pixel_size_nm is not None:
        step, unit = step / pixel_size_nm[1], "nm⁻¹"
    length = nice_length(BAR_SHARE * side_bins * step)
    return length / step, f"{short(length)} {unit}"


def _neighbours(
    found: Explanation, image: CalibratedImage, levels: tuple[float, float], label: str
) -> dict[str, Any] | None:
    near = found.neighbours
    own = _patch(found, image, levels, near.center_px, "This place", f"The patch of {label} that is compared")
    others = [
        _patch(
            found,
            image,
            levels,
            one.center_px,
            f"{_kind(near)} {k}, {number(one.distance, 2)} away",
            f"{_kind(near)} {k} of {label}, at y {one.center_px[0]:.0f}, x {one.center_px[1]:.0f} px",
        )
        for k, one in enumerate(near.nearest, 1)
    ]
    ranked = f"{near.percentile:.1f}".rstrip("0").rstrip(".")
    shown = "The nearest clicks" if near.are_clicks else "The nearest patches elsewhere"
    return {
        "pictures": [own, *others],
        "words": f"Its patch is farther from the middle of the bulk than {ranked} % of all patches, "
        f"{number(near.distance, 2)} times as far as the median one. {shown}; two ordinary patches are 1 away:",
    }


def _kind(near: Neighbours) -> str:
    return "Click" if near.are_clicks else "Nearest"


def _patch(
    found: Explanation, image: CalibratedImage, levels: tuple[float, float], center_px: YX, caption: str, words: str
) -> dict[str, Any]:
    cut = patch_slices(center_px, found.neighbours.size_px, image.shape)
    pixels = grey_between(image.array[cut], levels, 64)
    where = f"y {center_px[0]:.0f}, x {center_px[1]:.0f} px"
    return _picture(found, pixels, f"{caption}; {where}", words)


def patch_slices(center_px: YX, size_px: float, shape: tuple[int, int]) -> tuple[slice, slice]:
    """Rows and columns of a patch, moved into the image."""
    spans = []
    for at, n in zip(center_px, shape, strict=True):
        size = min(round(size_px), n)
        start = min(max(round(at - size / 2 + 0.5), 0), n - size)
        spans.append(slice(start, start + size))
    return (spans[0], spans[1])


def _of_window(found: Explanation, pixels: RGB, caption: str, words: str, *, outlined: bool = False) -> dict[str, Any]:
    picture = _picture(found, pixels, caption, words)
    if not outlined:
        return picture
    rows, cols = found.residual.rows, found.residual.cols
    top, left, bottom, right = found.region.bounds_px
    corner = (left + 0.5 - cols.start, top + 0.5 - rows.start)
    box = tuple(f"{value:.2f}" for value in (*corner, right - left, bottom - top))
    marks = {"cols": cols.stop - cols.start, "rows": rows.stop - rows.start, "boxes": [box], "rings": []}
    return picture | {"marks": marks}


def _picture(found: Explanation, pixels: RGB, caption: str, words: str) -> dict[str, Any]:
    rows, cols = pixels.shape[:2]
    pitch_nm = None if found.pixel_size_nm is None else found.pixel_size_nm[1]
    bar, label = scale_bar_units(pitch_nm, cols, share=BAR_SHARE)
    return {
        "png": data_uri(png_bytes(pixels)),
        "alt": words,
        "caption": caption,
        "aspect": f"{cols / rows / _pixel_aspect(found.pixel_size_nm):.5f}",
        "bar_percent": f"{min(100 * bar / cols, 100.0):.2f}",
        "bar_label": label,
        "has_colour_bar": False,
        "marks": None,
    }


def _pixel_aspect(pixel_size_nm: YX | None) -> float:
    return 1.0 if pixel_size_nm is None else pixel_size_nm[0] / pixel_size_nm[1]
