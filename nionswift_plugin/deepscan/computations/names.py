"""What saved projects call the computations and their outputs; never change it."""

from __future__ import annotations

SURPRISAL = "deepscan.surprisal"
TEACHER = "deepscan.teacher"
TEXT_SEARCH = "deepscan.text_search"
QUANTIFY = "deepscan.quantify"

OUTPUTS = {SURPRISAL: "map", TEACHER: "map", TEXT_SEARCH: "map", QUANTIFY: "table"}
