"""What a query asks for: phrases that are wanted, and phrases that are not."""

from __future__ import annotations

import re
from dataclasses import dataclass

from deepscan_core.errors import InputError

LONGEST_QUERY = 200
# From here on the query names what is not wanted.
_NOT = re.compile(r"\b(?:but not|and not|not|without|except(?: for)?|other than|excluding|no)\b", re.IGNORECASE)
_BREAK = re.compile(r"\s*(?:[,;/+]|\band\b|\bor\b|\bas well as\b)\s*", re.IGNORECASE)


def _set_of(words: str) -> frozenset[str]:
    return frozenset(words.split())


# Words that describe and name nothing: alone before "and" or a comma they belong to what follows.
DESCRIBING = _set_of(
    """
    bright brighter dark darker white black light pale dim round circular spherical rounded square angular faceted
    linear long thin narrow straight curved irregular jagged ragged elongated oval small tiny fine large big coarse
    isolated dense many parallel aligned vertical horizontal smooth rough
    """
)


@dataclass(frozen=True, kw_only=True)
class Query:
    """A query taken apart.

    Attributes
    ----------
    text : as it was asked, without surplus spaces.
    wanted : phrases, at least one; a place is meant if it is like any of them.
    unwanted : phrases; a place is not meant if it is rather like one of them.
    """

    text: str
    wanted: tuple[str, ...]
    unwanted: tuple[str, ...] = ()


def check_query(query: str) -> str:
    """The query without surrounding spaces; raises `InputError` if it is empty or too long."""
    words = " ".join(query.split())
    if not words:
        raise InputError("the query is empty: give a few words, e.g. 'linear cracks'")
    if len(words) > LONGEST_QUERY:
        raise InputError(f"the query has {len(words)} characters: give at most {LONGEST_QUERY}")
    return words


def parse_query(query: str) -> Query:
    """Take a query apart at commas, "and", "or", and at "not", "without", "except".

    After a word of refusal all phrases are unwanted until the end. A describing word alone belongs to the next phrase.

    Raises
    ------
    InputError
        An empty or too long query, or one that only says what is not wanted.

    Examples
    --------
    >>> parse_query("cracks, not scratches").unwanted
    ('scratches',)
    >>> parse_query("bright, round particles and pores").wanted
    ('bright round particles', 'pores')
    """
    text = check_query(query)
    wanted, *refused = _NOT.split(text)
    phrases = _phrases(wanted)
    if not phrases:
        raise InputError(
            f"the query {text!r} names nothing to look for: say what is wanted, e.g. 'cracks, not scratches'"
        )
    return Query(text=text, wanted=phrases, unwanted=tuple(phrase for part in refused for phrase in _phrases(part)))


def _phrases(text: str) -> tuple[str, ...]:
    found: list[str] = []
    described = ""
    for part in _BREAK.split(text):
        phrase = " ".join(re.sub(r"[^\w\s'-]", " ", part).split())
        if not phrase:
            continue
        if all(word.lower() in DESCRIBING for word in phrase.split()):
            described = f"{described} {phrase}".strip()
            continue
        found.append(f"{described} {phrase}".strip())
        described = ""
    return (*found, described) if described else tuple(found)
