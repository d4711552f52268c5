"""Work beside the caller: its result, its errors, its context, and processes that were forked."""

from __future__ import annotations

import contextvars
import multiprocessing
import threading

import pytest

from deepscan_core.scoring.beside import beside

NAME: contextvars.ContextVar[str] = contextvars.ContextVar("NAME", default="nobody")


def test_it_is_another_thread_and_always_the_same() -> None:
    first, second = (beside(threading.get_ident).result() for _ in range(2))
    assert first == second != threading.get_ident()


def test_errors_and_context_pass_through() -> None:
    token = NAME.set("somebody")
    try:
        assert beside(NAME.get).result() == "somebody"
    finally:
        NAME.reset(token)
    with pytest.raises(ZeroDivisionError):
        beside(lambda: 1 / 0).result()


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_process_gets_a_thread_of_its_own() -> None:
    assert beside(lambda: 1).result() == 1
    child = multiprocessing.get_context("fork").Process(target=lambda: beside(lambda: 2).result(timeout=20))
    child.start()
    child.join(30)
    assert child.exitcode == 0
