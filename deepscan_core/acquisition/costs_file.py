"""Overheads that a laboratory has measured on its own instrument, in a small TOML file."""

from __future__ import annotations

import math
import tomllib
from dataclasses import fields, replace
from pathlib import Path

from deepscan_core.errors import InputError
from deepscan_core.files import read_file
from deepscan_core.records.costs import ScanCosts

LARGEST_FILE_BYTES = 100_000
FLAG = "blanks_when_idle"


def read_costs(path: Path, costs: ScanCosts) -> ScanCosts:
    """The costs of an instrument, with what a file says in their place.

    Parameters
    ----------
    path : of lines such as ``frame_overhead_s = 0.08``, by the names of `ScanCosts`.
    costs : what the instrument's controller says.

    Raises
    ------
    InputError
        The file cannot be read, or has an unknown name or a value that cannot be.
    """
    content = read_file(path, "give a readable file of costs", largest_bytes=LARGEST_FILE_BYTES)
    try:
        values = tomllib.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:  # tomllib's own error is a ValueError
        raise InputError(f"{path}: is not TOML ({error}): write lines such as frame_overhead_s = 0.08") from None
    known = [field.name for field in fields(ScanCosts)]
    for name, value in values.items():
        if name not in known:
            raise InputError(f"{path}: the key {name!r} is not known: give one of {', '.join(known)}")
        is_number = (
            isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value >= 0
        )
        if not (isinstance(value, bool) if name == FLAG else is_number):
            wanted = "true or false" if name == FLAG else "a number of at least 0"
            raise InputError(f"{path}: {name} is {value!r}: give {wanted}")
    try:
        return replace(costs, **values)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
