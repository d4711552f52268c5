"""DeepScan's computations: Swift keeps their results up to date with an image, live or still.

===========================  =======================================  ==========
id                           inputs                                   output
===========================  =======================================  ==========
``deepscan.surprisal``       ``src``, ``settings``                    ``map``
``deepscan.teacher``         ``src``, ``settings``, ``clicks``        ``map``
``deepscan.text_search``     ``src``, ``settings``, ``query``         ``map``
``deepscan.quantify``        ``src``, ``settings``                    ``table``
===========================  =======================================  ==========

From a script (Run Script, or the console)::

    api.library.create_computation(
        "deepscan.surprisal",
        inputs={"src": data_item, "settings": "{}"},
        outputs={"map": api.library.create_data_item("Surprisal")},
    )

``settings`` is JSON with the keys of `MapSettings`, ``clicks`` a JSON list as in `deepscan_core.live.clicks`, ``query``
a few words. Saved projects hold these names.
"""

from __future__ import annotations

from nion.swift.model import Symbolic

from deepscan_core.live.settings import MapSettings

from .following import computation_of, follow, rest
from .handlers import (
    QuantifyComputation,
    SurprisalComputation,
    TeacherComputation,
    TextSearchComputation,
    quit_computing,
)
from .made_maps import MadeMap
from .names import QUANTIFY, SURPRISAL, TEACHER, TEXT_SEARCH

__all__ = [
    "QUANTIFY",
    "SURPRISAL",
    "TEACHER",
    "TEXT_SEARCH",
    "MadeMap",
    "MapSettings",
    "QuantifyComputation",
    "SurprisalComputation",
    "TeacherComputation",
    "TextSearchComputation",
    "computation_of",
    "follow",
    "quit_computing",
    "register",
    "rest",
]


def register() -> None:
    """Make the computations known to Swift, before any project is opened."""
    quit_computing(False)
    Symbolic.register_computation_type(SURPRISAL, SurprisalComputation)
    Symbolic.register_computation_type(TEACHER, TeacherComputation)
    Symbolic.register_computation_type(TEXT_SEARCH, TextSearchComputation)
    Symbolic.register_computation_type(QUANTIFY, QuantifyComputation)
