"""What the panel says, in words."""

from __future__ import annotations

from deepscan_core.records.costs import SQUARE_ANGSTROM_PER_NM2
from deepscan_core.records.protocol import ScanProtocol

_SUPERSCRIPT = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")


def prediction(protocol: ScanProtocol) -> str:
    """What a run will take, in words: the person at the microscope reads this before the first Run."""
    doses = [step.dose_e_per_nm2 for step in protocol.steps if step.dose_e_per_nm2 is not None]
    dose = "a dose that is not known, for want of the beam current"
    if doses:
        per_square_angstrom = max(doses) / SQUARE_ANGSTROM_PER_NM2
        dose = f"at most {_power(max(doses))} e/nm² each ({_power(per_square_angstrom)} e/Å²)"
    return f"{len(protocol.steps)} regions, {protocol.predicted_time_s:.1f} s, {dose}. Press Run to expose them."


def _power(value: float) -> str:
    """Two digits, as people write them.

    >>> _power(1.87e7), _power(250.0)
    ('1.9×10⁷', '250')
    """
    if 0.01 <= value < 10_000:
        return f"{value:.3g}"
    mantissa, exponent = f"{value:.1e}".split("e")
    return f"{mantissa}×10{str(int(exponent)).translate(_SUPERSCRIPT)}"


def sentence(error: Exception) -> str:
    """An error's one line as a sentence."""
    words = str(error)
    return words[:1].upper() + words[1:] + ("" if words.endswith(".") else ".")
