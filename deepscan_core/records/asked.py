"""What a person asked a map for: words, clicks, or nothing but what is rare; or several of these together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from deepscan_core.records.coordinates import YX


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a map answers.

    Attributes
    ----------
    scorer : what surprisal looked at; None where surprisal had no part in the answer.
    query : words; empty where there were none.
    positives_px, negatives_px : clicks ``(y, x)`` as image indices.
    """

    scorer: str | None = None
    query: str = ""
    positives_px: tuple[YX, ...] = ()
    negatives_px: tuple[YX, ...] = ()

    @property
    def modes(self) -> tuple[str, ...]:
        """Of "words", "teacher" and "surprisal", those that the answer is made of."""
        given = {
            "words": bool(self.query),
            "teacher": bool(self.positives_px or self.negatives_px),
            "surprisal": self.scorer is not None,
        }
        return tuple(mode for mode, is_given in given.items() if is_given)

    def told(self) -> str:
        """The same for people.

        >>> Asked(query="dark pores", positives_px=((3, 4.5),)).told()
        'words “dark pores”, combined with 1 positive click (y 3, x 4.5 px)'
        >>> Asked(scorer="surprisal").told()
        'what is rare (scorer surprisal)'
        """
        clicks = " and ".join(
            _clicks(sign, points)
            for sign, points in (("positive", self.positives_px), ("negative", self.negatives_px))
            if points
        )
        words = f"words “{self.query}”" if self.query else ""
        rare = "" if self.scorer is None else f"what is rare (scorer {self.scorer})"
        return ", combined with ".join(part for part in (words, clicks, rare) if part)

    def to_dict(self) -> dict[str, Any]:
        """For JSON, every component named."""
        return {
            "modes": list(self.modes),
            "is_combined": len(self.modes) > 1,
            "scorer": self.scorer,
            "query": self.query,
            "positives": [{"y_px": y, "x_px": x} for y, x in self.positives_px],
            "negatives": [{"y_px": y, "x_px": x} for y, x in self.negatives_px],
        }


def _clicks(sign: str, points_px: tuple[YX, ...]) -> str:
    places = "; ".join(f"y {y:g}, x {x:g}" for y, x in points_px)
    return f"{len(points_px)} {sign} click{'' if len(points_px) == 1 else 's'} ({places} px)"
