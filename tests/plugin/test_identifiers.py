"""Random identifiers that are made beforehand."""

from __future__ import annotations

import uuid

import pytest

pytest.importorskip("nion.swift", reason="nionswift is not installed")
from nionswift_plugin.deepscan.computations import identifiers


def test_they_are_given_out_once_each_and_then_made_as_always(monkeypatch: pytest.MonkeyPatch) -> None:
    identifiers.make()
    asked: list[int] = []
    urandom = uuid.os.urandom
    monkeypatch.setattr(uuid.os, "urandom", lambda n: asked.append(n) or urandom(n))
    before = uuid.uuid4
    with identifiers.at_hand():
        given = [uuid.uuid4() for _ in range(identifiers.MOST)]
        assert asked == []
        given += [uuid.uuid4() for _ in range(3)]
    assert asked == [16] * 3
    assert len(set(given)) == identifiers.MOST + 3
    assert {one.version for one in given} == {4}
    assert uuid.uuid4 is before


def test_python_has_its_own_back_after_an_error() -> None:
    before = uuid.uuid4
    with pytest.raises(ZeroDivisionError), identifiers.at_hand():
        raise ZeroDivisionError
    assert uuid.uuid4 is before


@pytest.mark.timeout(20)
def test_more_are_made_while_others_are_given_out() -> None:
    with identifiers.at_hand():
        given = {uuid.uuid4() for _ in range(identifiers.MOST)}
        identifiers.make()
        assert len(identifiers._made) == identifiers.MOST
        assert given.isdisjoint(identifiers._made)
