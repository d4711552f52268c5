"""How many threads the libraries below take."""

from __future__ import annotations

import functools
import sys
from contextlib import AbstractContextManager
from typing import Any


def one_blas_thread() -> AbstractContextManager[Any]:
    """Keep numpy's matrix products to one thread.

    They are small here, and their idle threads wait busily for the next one: on two cores that doubles the time of the
    network, which has threads of its own.
    """
    limits: AbstractContextManager[Any] = _thread_pools(len(sys.modules)).limit(limits=1, user_api="blas")
    return limits


@functools.lru_cache(maxsize=1)
def _thread_pools(module_count: int) -> Any:
    """The pools of the libraries that are loaded; looking for them takes 10 ms, and only a new module can bring another."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
