"""What a query asks for."""

from __future__ import annotations

import pytest

from deepscan_core.errors import InputError
from deepscan_core.scoring.query import check_query, parse_query


@pytest.mark.parametrize(
    ("text", "wanted", "unwanted"),
    [
        ("linear cracks", ("linear cracks",), ()),
        ("  linear   cracks ", ("linear cracks",), ()),
        ("cracks, not scratches", ("cracks",), ("scratches",)),
        ("cracks but not scratches or grain boundaries", ("cracks",), ("scratches", "grain boundaries")),
        ("particles without pores", ("particles",), ("pores",)),
        ("pores and cracks", ("pores", "cracks"), ()),
        ("pores; cracks / voids", ("pores", "cracks", "voids"), ()),
        ("bright, round particles and pores", ("bright round particles", "pores"), ()),
        ("bright and round", ("bright round",), ()),
        ("Notches", ("Notches",), ()),
        ("sandstone", ("sandstone",), ()),
    ],
)
def test_a_query_is_taken_apart(text: str, wanted: tuple[str, ...], unwanted: tuple[str, ...]) -> None:
    query = parse_query(text)
    assert (query.wanted, query.unwanted) == (wanted, unwanted)


@pytest.mark.parametrize("text", ["not scratches", ", ,", "without pores"])
def test_a_query_that_wants_nothing_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="names nothing to look for"):
        parse_query(text)


@pytest.mark.parametrize("query", ["", "  ", "x" * 500])
def test_impossible_queries_are_refused(query: str) -> None:
    with pytest.raises(InputError, match="query"):
        check_query(query)
