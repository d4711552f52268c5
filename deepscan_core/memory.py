"""How much memory may be used, and a refusal before it is asked for.

The limit is half of what is free, so that the application beside which DeepScan runs keeps the other half; `limited_to`
sets another one. What is free is the least that the computer, a container's control group and the process's own address
space leave.
"""

from __future__ import annotations

import contextlib
import contextvars
import math
import sys
from collections.abc import Iterator
from pathlib import Path

from deepscan_core.errors import InputError

BYTES_PER_GB = 1e9
DEFAULT_SHARE = 0.5
# Limit and use of version 2 and version 1 control groups, as a container sees its own.
_CONTROL_GROUPS = (
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
    ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
)

_limit_bytes: contextvars.ContextVar[float | None] = contextvars.ContextVar("memory_limit_bytes", default=None)


@contextlib.contextmanager
def limited_to(gigabytes: float | None) -> Iterator[None]:
    """While this lasts `check_memory` allows so many GB (10⁹ bytes); None keeps the limit that is in force.

    Raises `InputError` for anything but a finite number above zero.
    """
    if gigabytes is None:
        yield
        return
    if isinstance(gigabytes, bool) or not (math.isfinite(gigabytes) and gigabytes > 0):
        raise InputError(f"a memory limit of {gigabytes!r} GB: give a number above zero")
    token = _limit_bytes.set(gigabytes * BYTES_PER_GB)
    try:
        yield
    finally:
        _limit_bytes.reset(token)


def limit_gb() -> float | None:
    """The limit that was set, in GB; None where half of what is free counts."""
    limit = _limit_bytes.get()
    return None if limit is None else limit / BYTES_PER_GB


def check_memory(wanted_bytes: float, what: str) -> None:
    """Raise `InputError`, naming the limit, where something would take more memory than is allowed.

    Parameters
    ----------
    wanted_bytes : an estimate of all that will be held at once.
    what : the beginning of the message, e.g. ``"a.tif: an image of 60000 x 60000 px"``.
    """
    limit = _limit_bytes.get()
    if limit is not None:
        allowed, reason = limit, "that was set"
    else:
        allowed, reason = DEFAULT_SHARE * free_bytes(), "half of what is free"
    if wanted_bytes > allowed:
        raise InputError(
            f"{what} needs about {in_words(wanted_bytes)} of memory, and the limit is {in_words(allowed)} ({reason}): "
            "crop or bin it, or set another limit with --max-memory-gb"
        )


def free_bytes() -> int:
    """Memory that can be had now without swapping, in bytes."""
    import psutil

    return max(0, min([int(psutil.virtual_memory().available), *_left_to_the_container(), *_left_to_the_process()]))


def in_words(size_bytes: float) -> str:
    """A size for people.

    >>> in_words(2.5e9), in_words(3e6), in_words(1e18)
    ('2.5 GB', '3 MB', '1e+09 GB')
    """
    return f"{size_bytes / BYTES_PER_GB:.3g} GB" if size_bytes >= BYTES_PER_GB else f"{size_bytes / 1e6:.3g} MB"


def _left_to_the_container() -> list[int]:
    left = []
    for limit, used in _CONTROL_GROUPS:
        numbers = [_number_in(Path(limit)), _number_in(Path(used))]
        if numbers[0] is not None and numbers[1] is not None:
            left.append(numbers[0] - numbers[1])
    return left


def _number_in(path: Path) -> int | None:
    """What a file of the kernel says; None where it is absent or says "max"."""
    try:
        text = path.read_text(encoding="ascii").strip()
    except OSError:
        return None
    return int(text) if text.isdigit() else None


def _left_to_the_process() -> list[int]:
    if sys.platform == "win32":
        return []
    import resource

    import psutil

    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    return [] if limit == resource.RLIM_INFINITY else [limit - psutil.Process().memory_info().vms]
