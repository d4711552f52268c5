"""What is known about a weights file, kept beside it as JSON."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from deepscan_core.errors import InputError
from deepscan_core.weights.names import architecture_of, check_name

SCHEMA_VERSION = 1
LONGEST_TEXT = 500
NOT_STATED = "not stated"
Three = tuple[float, float, float]


@dataclass(frozen=True, kw_only=True)
class ModelCard:
    """One network's weights.

    Attributes
    ----------
    name : timm's name of the network, or that and a tag after a dot, e.g. "regnety_004.tv2_in1k".
    licence : as somebody stated it, or "not stated".
    origin : where the file came from.
    sha256, bytes : of the ``.safetensors`` file.
    added : date on which it came here, ISO 8601.
    mean, std : grey values the network was trained on, per channel.

    Raises
    ------
    InputError
        A value that cannot be.
    """

    name: str
    licence: str
    origin: str
    sha256: str
    bytes: int
    added: str
    mean: Three
    std: Three

    def __post_init__(self) -> None:
        check_name(self.name)
        for what in ("licence", "origin", "added"):
            text = getattr(self, what)
            if not text or len(text) > LONGEST_TEXT or not text.isprintable():
                raise InputError(
                    f"{what} of {self.name} is {text[:40]!r}: give one line of 1 to {LONGEST_TEXT} characters"
                )
        check_sha256(self.sha256)
        if self.bytes <= 0:
            raise InputError(f"{self.name} has {self.bytes} bytes of weights: give more than 0")
        if not all(math.isfinite(v) for v in (*self.mean, *self.std)) or min(self.std) <= 0:
            raise InputError(f"{self.name} has mean {self.mean} and std {self.std}: give finite numbers, std above 0")

    @property
    def architecture(self) -> str:
        """timm's name of the network, without a tag."""
        return architecture_of(self.name)

    def to_dict(self) -> dict[str, Any]:
        """As it stands in JSON."""
        return {"schema_version": SCHEMA_VERSION, "architecture": self.architecture} | asdict(self)

    def to_json(self) -> str:
        """The card's file."""
        return json.dumps(self.to_dict(), indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def from_dict(cls, document: Any, source: str) -> ModelCard:
        """From parsed JSON; raises `InputError` that names `source` and the key."""
        if not isinstance(document, Mapping):
            raise InputError(f"{source} is no model card: get it again")
        known = {field.name for field in fields(cls)} | {"schema_version", "architecture"}
        if set(document) != known:
            named = ", ".join(sorted(map(str, set(document) ^ known))[:3])
            raise InputError(f"{source} lacks or has too many of these keys: {named}: get it again")
        if document["schema_version"] != SCHEMA_VERSION:
            raise InputError(
                f"{source} has schema version {document['schema_version']!r}, not {SCHEMA_VERSION}: update DeepScan"
            )
        texts = {key: _text(document[key], key, source) for key in ("name", "licence", "origin", "sha256", "added")}
        if not isinstance(document["bytes"], int):
            raise InputError(f"bytes in {source} is {document['bytes']!r}: get it again")
        return cls(
            **texts,
            bytes=document["bytes"],
            mean=_three(document["mean"], "mean", source),
            std=_three(document["std"], "std", source),
        )


def parse_json(text: bytes, source: str) -> Any:
    """JSON in UTF-8; raises `InputError` that names `source`."""
    try:
        return json.loads(text.decode("utf-8"))
    except (ValueError, RecursionError):
        raise InputError(f"{source} is not JSON: get it again") from None


def check_sha256(text: str) -> str:
    """64 hexadecimal digits in lower case; raises `InputError` otherwise."""
    if not re.fullmatch(r"[0-9a-f]{64}", text.lower()):
        raise InputError(f"{text[:80]!r} is no SHA-256: give its 64 hexadecimal digits")
    return text.lower()


def _text(value: Any, key: str, source: str) -> str:
    if not isinstance(value, str):
        raise InputError(f"{key} in {source} is {value!r}, not text: get it again")
    return value


def _three(value: Any, key: str, source: str) -> Three:
    if not isinstance(value, list) or len(value) != 3 or not all(type(v) in (int, float) for v in value):
        raise InputError(f"{key} in {source} is {value!r}, not three numbers: get it again")
    try:
        return (float(value[0]), float(value[1]), float(value[2]))
    except OverflowError:
        raise InputError(f"{key} in {source} has a number that is too large: get it again") from None
