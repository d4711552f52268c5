"""What the panel says, in words."""

from __future__ import annotations

import math
from typing import Any

from deepscan_core.acquisition.books import LedgerStatus
from deepscan_core.records.costs import SQUARE_ANGSTROM_PER_NM2
from deepscan_core.records.protocol import ScanProtocol

from . import bridge

_SUPERSCRIPT = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")

_REMEDIES = {
    "--repeat-exposed exposes it once more": "tick “Expose again …”, and resume once more",
    "give --restore-parameters to put back what was before the run, or --keep-parameters to go on as it is now": (
        "choose “Put back” or “Keep” beside Resume run, and press it again"
    ),
}

UNEXPECTED = "Something unexpected failed: Swift's log says what."
AS_BEFORE = "beam and live view are as before."
AT_REST = "the beam is at rest. Beam on lets it through again."


def prediction(protocol: ScanProtocol) -> str:
    """What a run will take, in words: the person at the microscope reads this before the first Run."""
    doses = [step.dose_e_per_nm2 for step in protocol.steps if step.dose_e_per_nm2 is not None]
    dose = "a dose that is not known, for want of the beam current"
    if doses:
        per_square_angstrom = max(doses) / SQUARE_ANGSTROM_PER_NM2
        dose = f"at most {power(max(doses))} e/nm² each ({power(per_square_angstrom)} e/Å²)"
    return f"{len(protocol.steps)} regions, {protocol.predicted_time_s:.1f} s, {dose}"


def books(status: LedgerStatus) -> str:
    """What a run has spent of its limits."""
    limits = status.limits
    parts = [f"{status.time_s:.1f} s" + (f" of {limits.max_time_s:g} s" if limits.max_time_s is not None else "")]
    if status.electrons is not None and status.highest_dose_e_per_nm2 is not None:
        parts.append(_spent(status.electrons, limits.max_total_electrons, "electrons"))
        parts.append("at most " + _spent(status.highest_dose_e_per_nm2, limits.max_dose_e_per_nm2, "e/nm² anywhere"))
    exposures = f"{status.exposures} exposure{'' if status.exposures == 1 else 's'}"
    return f"Spent in {exposures}: {', '.join(parts)}."


def _spent(value: float, limit: float | None, unit: str) -> str:
    return f"{power(value)}{'' if limit is None else f' of {power(limit)}'} {unit}"


def removed(count: int, most: int) -> str:
    """What of earlier runs is no longer kept beside the project."""
    runs = "run" if count == 1 else "runs"
    return f"The folder of {count} finished {runs} beyond the {most} latest was removed; tiles in the library stay."


def given_up(folder: Any, count: int, most: int) -> str:
    """What becomes of a run that a person does not want to go on with."""
    frames = "1 frame stays" if count == 1 else f"{count} frames stay"
    return f"The run of {folder.name} is given up; its {frames} in {folder} until {most} later runs are done."


def power(value: float) -> str:
    """Two digits, as people write them.

    >>> power(1.87e7), power(250.0)
    ('1.9×10⁷', '250')
    """
    if 0.01 <= value < 10_000:
        return f"{value:.3g}"
    mantissa, exponent = f"{value:.1e}".split("e")
    return f"{mantissa}×10{str(int(exponent)).translate(_SUPERSCRIPT)}"


def source(data_item: Any) -> str:
    """What is attached: its name, its size and its calibration."""
    xdata = data_item.xdata
    if xdata is None:
        return str(data_item.title)
    size = " x ".join(str(n) for n in xdata.data_shape)
    pitch_nm = bridge.pixel_size_nm(xdata)
    scale = "no pixel size" if pitch_nm is None else f"{pitch_nm[0]:.3g} nm a pixel"
    return f"{data_item.title}: {size} px, {scale}"


def objects(table_item: Any) -> str:
    """How many objects a table holds, and how large the largest is."""
    told = table_item.metadata.get("deepscan", {})
    count = told.get("n_objects", 0)
    if not count:
        return f"“{table_item.title}” follows the image: nothing stands out."
    names = [column["name"] for column in told["columns"]]
    areas_nm2, areas_px = (table_item.data[:, names.index(name)].max() for name in ("area_nm2", "area_px"))
    area = f"{areas_px:.0f} px" if math.isnan(areas_nm2) else f"{areas_nm2:.3g} nm²"
    return f"“{table_item.title}” follows the image: {count} object{'s' if count > 1 else ''}, the largest {area}."


def for_panel(text: str) -> str:
    """What the core says of the command line's options, in the words of the panel."""
    for option, remedy in _REMEDIES.items():
        text = text.replace(option, remedy)
    return text


def sentence(error: object) -> str:
    """An error's one line as a sentence."""
    words = for_panel(str(error))
    return words[:1].upper() + words[1:] + ("" if words.endswith(".") else ".")
