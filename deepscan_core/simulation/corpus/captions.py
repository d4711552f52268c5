"""From a kind and a look to a phrase, and which objects of a scene a phrase means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from deepscan_core.simulation.corpus.looks import (
    FORMED_NOUNS,
    FORMS,
    LAYOUTS,
    OPENINGS,
    PLACES,
    SIZES,
    THINGS,
    TONES,
)
from deepscan_core.simulation.corpus.nouns import BACKGROUND, NOUNS

Meaning = Literal["yes", "no", "open"]
LOOKS: Mapping[str, Mapping[str, tuple[str, ...]]] = {"size": SIZES, "tone": TONES, "form": FORMS, "layout": LAYOUTS}
OPENING_SHARE, PLACE_SHARE, FORMED_SHARE = 0.2, 0.35, 0.5
WHOLE_FIELD = ("lattice", "lamella", "grain")  # kinds that fill the frame: neither meant nor excluded by a look alone

# Besides its own kind, what a noun means as well, and what it may or may not mean.
ALSO: Mapping[str, tuple[str, ...]] = {"particle": ("nanoparticle", "satellite"), "precipitate": ("carbide",)}
MAYBE: Mapping[str, tuple[str, ...]] = {
    "particle": ("precipitate", "carbide", "agglomerate", "debris", "island", "atom"),
    "nanoparticle": ("particle", "carbide", "precipitate", "satellite", "atom", "debris"),
    "precipitate": ("particle", "nanoparticle", "island", "needle"),
    "carbide": ("precipitate", "particle", "nanoparticle"),
    "agglomerate": ("debris",),
    "satellite": ("nanoparticle",),
    "pore": ("pit", "vacancy", "vacuum"),
    "pit": ("pore", "vacancy"),
    "vacuum": ("pore",),
    "fibre": ("wire", "needle"),
    "wire": ("fibre", "needle", "scratch"),
    "needle": ("wire", "fibre", "precipitate"),
    "grain": ("particle", "precipitate", "agglomerate"),
    "grain boundary": ("interface",),
    "interface": ("grain boundary", "step"),
    "step": ("interface",),
    "atom": ("dopant", "lattice", "nanoparticle"),
    "dopant": ("atom",),
    "debris": ("contamination", "agglomerate", "particle"),
    "contamination": ("debris",),
    "charging": ("stripe",),
    "stripe": ("charging", "scratch"),
    "scratch": ("stripe", "wire"),
    "island": ("flake", "particle"),
    "flake": ("island",),
    "lamella": ("stripe",),
    BACKGROUND: ("grain", "lattice", "lamella", "vacuum", "contamination"),
}


class Looks(Protocol):
    """What a group says of itself; see `scene.Group`."""

    @property
    def kind(self) -> str: ...
    @property
    def tone(self) -> str: ...
    @property
    def form(self) -> str: ...
    @property
    def size(self) -> str: ...
    @property
    def layout(self) -> str: ...


@dataclass(frozen=True, kw_only=True)
class Caption:
    """A phrase and what it asks for; an empty entry asks for nothing.

    Attributes
    ----------
    text : the phrase.
    kind, tone, form, size, layout : of the groups that are meant; see `scene.Group`.
    """

    text: str
    kind: str = ""
    tone: str = ""
    form: str = ""
    size: str = ""
    layout: str = ""

    def means(self, group: Looks) -> Meaning:
        """Whether a group is meant: "yes", "no", or "open" where the phrase does not decide it."""
        of_kind = self._of_kind(group.kind)
        if of_kind == "no":
            return "no"
        for look in LOOKS:
            wanted, found = getattr(self, look), getattr(group, look)
            if wanted and found and wanted != found:
                return "no" if of_kind == "yes" else "open"
            if wanted and not found:
                of_kind = "open"
        return of_kind

    def _of_kind(self, kind: str) -> Meaning:
        if not self.kind:
            return "open" if kind in WHOLE_FIELD else "yes"
        if kind == self.kind or kind in ALSO.get(self.kind, ()):
            return "yes"
        return "open" if kind in MAYBE.get(self.kind, ()) else "no"


def caption(rng: np.random.Generator, kind: str, **looks: str) -> Caption:
    """A phrase for a kind ("" for none) with the looks that are given, such as ``tone="dark"``."""
    words = [
        _one(rng, LOOKS[look][value]) for look, value in looks.items() if value and not (look == "form" and not kind)
    ]
    words = [str(word) for word in rng.permutation(words)]
    form = looks.get("form", "")
    asked = dict(looks)
    if kind:
        formed = [f for k, f in FORMED_NOUNS if k == kind and form in ("", f)]
        if formed and rng.random() < FORMED_SHARE:
            chosen = str(rng.choice(formed))
            words.append(_one(rng, FORMED_NOUNS[kind, chosen]))
            asked["form"] = chosen
        else:
            words.append(_one(rng, NOUNS[kind]))
    else:
        words.append(_one(rng, THINGS[form]))
    if rng.random() < OPENING_SHARE:
        words.insert(0, _one(rng, OPENINGS))
    if rng.random() < PLACE_SHARE:
        words.append(_one(rng, PLACES))
    return Caption(text=" ".join(words), kind=kind, **asked)


def all_phrases() -> tuple[str, ...]:
    """Every piece that captions are put together from, for a list of the vocabulary."""
    tables = (NOUNS, FORMED_NOUNS, TONES, FORMS, SIZES, LAYOUTS, THINGS)
    pieces = {phrase for table in tables for phrases in table.values() for phrase in phrases}
    return tuple(sorted(pieces | set(PLACES) | set(OPENINGS)))


def vocabulary() -> tuple[str, ...]:
    """Every word that a caption can contain, sorted."""
    return tuple(sorted({word for phrase in all_phrases() for word in phrase.lower().replace("-", " ").split()}))


def _one(rng: np.random.Generator, phrases: tuple[str, ...]) -> str:
    return phrases[int(rng.integers(len(phrases)))]
