"""What each computation showed last: which frame, with which words.

A live image changes often before its next whole frame.
"""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from typing import Any

TEXTS = ("settings", "clicks", "query")  # inputs that are words

_shown: weakref.WeakKeyDictionary[Any, tuple[Any, Mapping[str, str]]] = weakref.WeakKeyDictionary()


def note(model: Any, frame: Any, texts: Mapping[str, str]) -> None:
    """A computation (of the model) shows this frame now, with these words."""
    _shown[model] = (frame, texts)


def is_shown(model: Any, frame: Any, texts: Mapping[str, str]) -> bool:
    """Whether that is what it shows."""
    last = _shown.get(model)
    return last is not None and last[0] is frame and last[1] == texts


def texts_of(model: Any) -> Mapping[str, str] | None:
    """The words of what it shows; None where it has shown nothing yet."""
    last = _shown.get(model)
    return None if last is None else last[1]


def present_texts(model: Any) -> dict[str, str]:
    """Its words now, by input."""
    variables = {name: model._get_variable(name) for name in TEXTS}
    return {name: str(variable.value) for name, variable in variables.items() if variable is not None}
