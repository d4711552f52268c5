"""An explanation in plain words, made of its numbers."""

from __future__ import annotations

import math

from deepscan_core.explain.records import Explanation
from deepscan_core.scoring.character import STRONG_SIGMAS

MOST_IMAGES = 10_000  # rarer than once in so many is extrapolated too far to be told
LEAST_CRYSTALLINITY = 0.3  # below, there is not enough of a lattice to speak of one
SOUND_SHARE = (
    0.7  # of the crystallinity around: below, a window holds more than one lattice, and peaks pull at each other
)
PART_WORDS = {
    "spots": "a spot the rest of the image does not predict",
    "fine spots": "a fine spot the rest of the image does not predict",
    "lines": "a line the rest of the image does not predict",
    "patches": "texture unlike the bulk's",
    "brightness": "unusual brightness",
}


def sentences_of(found: Explanation) -> tuple[str, ...]:
    """What it is and how rare, and what the lattice does where that is sure."""
    return (f"{_what(found)}; {_chance(found.by_chance)}.", *_lattice(found))


def length_text(length_px: float, pixel_size_nm: tuple[float, float] | None) -> str:
    """A length in px, and in nm where that is known.

    >>> length_text(3.14, (0.04, 0.04)), length_text(12.0, None)
    ('3.1 px (0.13 nm)', '12 px')
    """
    in_px = f"{_number(length_px)} px"
    if pixel_size_nm is None:
        return in_px
    return f"{in_px} ({_number(length_px * math.sqrt(pixel_size_nm[0] * pixel_size_nm[1]))} nm)"


def _what(found: Explanation) -> str:
    odd = found.oddity
    predictor = "the lattice predicts" if found.in_crystal else "the rest of the image predicts"
    best = max(found.contributions_nats, key=lambda name: found.contributions_nats[name])
    share = f"{100 * found.contributions_nats[best] / found.nats:.0f} % of the score" if found.nats > 0 else "no score"
    if odd.character == "unlike its surroundings":
        return f"{PART_WORDS[best].capitalize()} ({share}); no pixel is beyond {STRONG_SIGMAS:g} sigma"
    if odd.character == "boundary":
        said = f"A chain of columns up to {abs(odd.sigmas):.1f} sigma from what {predictor}, as a grain boundary is"
    else:
        size = f"{length_text(odd.width_px, found.pixel_size_nm)} wide"
        if odd.character.endswith("line"):
            size += f" and {length_text(odd.length_px, found.pixel_size_nm)} long here"
        said = f"A {odd.character} {size}, {_sigmas(odd.sigmas)} what {predictor}"
    return f"{said}, {share} being {PART_WORDS[best]}" if best in ("patches", "brightness") else said


def _sigmas(sigmas: float) -> str:
    return f"{abs(sigmas):.1f} sigma {'above' if sigmas > 0 else 'below'}"


def _chance(by_chance: float) -> str:
    """How often ordinary images of this size hold such a place.

    >>> _chance(3.2), _chance(0.005), _chance(0.0)
    ('about 3.2 such places are expected by chance in one image', 'one such place is expected by chance in 200 images', \
'by chance less than one such place is expected in 10,000 images')
    """
    if by_chance >= 1:
        return f"about {_number(by_chance)} such places are expected by chance in one image"
    if by_chance * MOST_IMAGES < 1:
        return f"by chance less than one such place is expected in {MOST_IMAGES:,} images"
    return f"one such place is expected by chance in {float(f'{1 / by_chance:.2g}'):,.0f} images"


def _lattice(found: Explanation) -> tuple[str, ...]:
    spectrum, around = found.spectrum, found.crystallinity_around
    if spectrum is None or around is None:
        return ()
    here = spectrum.crystallinity
    if spectrum.lattice is None or here < LEAST_CRYSTALLINITY:
        if around < 2 * LEAST_CRYSTALLINITY:
            return ()
        return (f"Here {here:.0%} of the signal is lattice, around it {around:.0%}.".replace("%", " %"),)
    said = (
        f"The lattice here, {_spacings(found)}, holds {100 * here:.0f} % of the signal, around it {100 * around:.0f} %"
    )
    change = found.deformation
    if change is None or here < SOUND_SHARE * around:
        return (f"{said}.",)
    if change.among_several:
        return (f"{said}; around it lie lattices of more than one orientation.",)
    told = []
    if change.is_turned:
        degrees, error = math.degrees(change.rotation_rad), math.degrees(change.rotation_scatter_rad)
        way = "counter-clockwise" if degrees > 0 else "clockwise"
        told.append(f"turned by {abs(degrees):.1f} ± {error:.1f}° {way} against its surroundings")
    if change.is_strained:
        most = max((change.largest_strain, change.smallest_strain), key=abs)
        told.append(f"{100 * abs(most):.1f} % {'longer' if most > 0 else 'shorter'} than around it along one direction")
    return (f"{said}; it is {' and '.join(told) or 'neither turned nor strained'}.",)


def _spacings(found: Explanation) -> str:
    """Lengths of the shortest vectors in px, and in nm where that is known."""
    lattice = None if found.spectrum is None else found.spectrum.lattice
    if lattice is None:
        return ""
    in_px = " × ".join(_number(length) for length in lattice.spacings_px)
    if found.pixel_size_nm is None:
        return f"{in_px} px"
    lengths_nm = sorted(math.hypot(*vector) for vector in (lattice.vectors_px * found.pixel_size_nm).tolist())
    return f"{in_px} px ({' × '.join(_number(length) for length in lengths_nm)} nm)"


def _number(value: float) -> str:
    """Two significant digits, all digits of large numbers."""
    return f"{value:.0f}" if abs(value) >= 10 else f"{value:.2g}"
