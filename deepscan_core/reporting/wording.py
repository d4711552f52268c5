"""Numbers and lengths as a person reads them: sensible digits, one unit, a true minus sign."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

MISSING = "–"
_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_LENGTH_UNITS = ((1e6, "mm"), (1e3, "µm"), (1.0, "nm"), (1e-3, "pm"))


def number(value: float | None, digits: int = 3) -> str:
    """A number with `digits` significant digits; whole numbers keep all of theirs.

    >>> number(0.012345), number(1234.6), number(6.02214e23), number(None)
    ('0.0123', '1235', '6.02 × 10²³', '–')
    """
    if value is None or not math.isfinite(value):
        return MISSING
    if value == 0:
        return "0"
    rounded = float(f"{value:.{digits - 1}e}")
    exponent = math.floor(math.log10(abs(rounded)))
    if exponent >= 5 or exponent < -3:
        mantissa = f"{rounded / 10.0**exponent:.{digits - 1}f}".rstrip("0").rstrip(".")
        text = f"{mantissa} × 10{str(exponent).translate(_SUPERSCRIPT)}"
    else:
        decimals = max(0, digits - 1 - exponent)
        text = _grouped(f"{value:.{decimals}f}")
    return text.replace("-", "−")


def fixed(value: float | None, decimals: int) -> str:
    """A number with so many decimals, for columns that line up.

    >>> fixed(-7.5, 3), fixed(12345.6, 0)
    ('−7.500', '12\u2009346')
    """
    if value is None or not math.isfinite(value):
        return MISSING
    text = _grouped(f"{value:.{decimals}f}").replace("-", "−")
    return text.lstrip("−") if not text.strip("−0.") else text


def short(value: float | None, digits: int = 3) -> str:
    """Like `number`, without trailing zeros: for settings a person typed.

    >>> short(0.5), short(20.0), short(1234567.0)
    ('0.5', '20', '1.23 × 10⁶')
    """
    text = number(value, digits)
    return text.rstrip("0").rstrip(".") if "." in text and "×" not in text else text


def length(value_nm: float | None) -> str:
    """A length in the unit that suits it.

    >>> length(12.5), length(2500), length(0.0293)
    ('12.5 nm', '2.5 µm', '29.3 pm')
    """
    if value_nm is None:
        return MISSING
    scale, unit = length_unit(value_nm)
    return f"{short(value_nm / scale)} {unit}"


def extent(height_nm: float, width_nm: float) -> str:
    """Width by height in one common unit.

    >>> extent(height_nm=1000, width_nm=2500)
    '2.5 × 1 µm'
    """
    scale, unit = length_unit(max(height_nm, width_nm))
    return f"{short(width_nm / scale)} × {short(height_nm / scale)} {unit}"


def length_unit(value_nm: float) -> tuple[float, str]:
    """The unit that suits a length: how many nm it is, and its name. Below 0.1 nm that is the picometre."""
    for scale, unit in _LENGTH_UNITS[:-1]:
        if abs(value_nm) >= (scale if unit != "nm" else 0.1):
            return (scale, unit)
    return _LENGTH_UNITS[-1]


def percent(fraction: float | None) -> str:
    """A fraction in per cent.

    >>> percent(0.15), percent(0.0004), percent(1.0)
    ('15 %', '0.04 %', '100 %')
    """
    return MISSING if fraction is None else f"{short(100 * fraction)} %"


def duration(time_s: float | None) -> str:
    """A time in the units a person counts in.

    >>> duration(0.0123), duration(4.56), duration(125), duration(4000)
    ('12.3 ms', '4.56 s', '2 min 05 s', '1 h 07 min')
    """
    if time_s is None or not math.isfinite(time_s):
        return MISSING
    if time_s < 1:
        return f"{short(1e3 * time_s)} ms"
    if time_s < 60:
        return f"{number(time_s)} s"
    seconds = round(time_s)
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60:02d} s"
    minutes = round(time_s / 60)
    return f"{minutes // 60} h {minutes % 60:02d} min"


def plain(value: Any) -> str:
    """Any parameter as one line of text."""
    if value is None or value == "":
        return MISSING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return short(value, 6)
    if isinstance(value, Mapping):
        return json.dumps(dict(value), ensure_ascii=False, default=str)
    if isinstance(value, tuple | list):
        return ", ".join(plain(item) for item in value) or MISSING
    return str(value)


def sentence(text: str) -> str:
    """A remark as a sentence.

    >>> sentence("no pixel size is known: lengths are in px"), sentence("Done.")
    ('No pixel size is known: lengths are in px.', 'Done.')
    """
    text = text.strip()
    end = "" if text.endswith((".", "!", "?", ":")) else "."
    return text[:1].upper() + text[1:] + end


def plural(count: int, singular: str, many: str | None = None) -> str:
    """A count and its noun.

    >>> plural(1, "region"), plural(0, "region")
    ('1 region', '0 regions')
    """
    return f"{count} {singular if count == 1 else many or singular + 's'}"


def _grouped(digits: str) -> str:
    """Thin spaces between groups of three, from five digits on."""
    whole, _, rest = digits.partition(".")
    if len(whole.lstrip("-")) >= 5:
        whole = f"{int(whole):,}".replace(",", "\u2009")
    return f"{whole}.{rest}" if rest else whole
