"""What a person asked a map for: words, clicks, or nothing but what is rare; or several of these together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from deepscan_core.errors import InputError
from deepscan_core.records.coordinates import YX


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a map answers.

    Attributes
    ----------
    scorer : what surprisal looked at; None where surprisal had no part in the answer.
    query : words; empty where there were none.
    positives_px, negatives_px : clicks ``(y, x)`` as image indices.
    class_names : of what each positive click shows; empty, or an empty name, where it was not named.
    earlier : labels of earlier images: the class, the image, and how many positive clicks.
    """

    scorer: str | None = None
    query: str = ""
    positives_px: tuple[YX, ...] = ()
    negatives_px: tuple[YX, ...] = ()
    class_names: tuple[str, ...] = ()
    earlier: tuple[tuple[str, str, int], ...] = ()

    @classmethod
    def from_dict(cls, value: Any) -> Asked:
        """Read what `to_dict` wrote; raises `InputError` for anything else."""
        try:
            positives, negatives = (
                tuple((float(one["y_px"]), float(one["x_px"])) for one in value[sign])
                for sign in ("positives", "negatives")
            )
            names = tuple(str(one.get("class", "")) for one in value["positives"])
            return cls(
                scorer=None if value["scorer"] is None else str(value["scorer"]),
                query=str(value["query"]),
                positives_px=positives,
                negatives_px=negatives,
                class_names=names if any(names) else (),
                earlier=tuple((str(o["class"]), str(o["image"]), int(o["positives"])) for o in value["earlier"]),
            )
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise InputError(
                f"{value!r:.80} does not say what was asked for ({type(error).__name__}: {error})"
            ) from None

    @property
    def modes(self) -> tuple[str, ...]:
        """Of "words", "teacher" and "surprisal", those that the answer is made of."""
        given = {
            "words": bool(self.query),
            "teacher": bool(self.positives_px or self.negatives_px or self.earlier),
            "surprisal": self.scorer is not None,
        }
        return tuple(mode for mode, is_given in given.items() if is_given)

    @property
    def _names(self) -> tuple[str, ...]:
        return self.class_names or ("",) * len(self.positives_px)

    def told(self) -> str:
        """The same for people.

        >>> Asked(query="dark pores", positives_px=((3, 4.5),)).told()
        'words “dark pores”, combined with 1 positive click (y 3, x 4.5 px)'
        >>> Asked(scorer="surprisal").told()
        'what is rare (scorer surprisal)'
        """
        given = [_clicks("positive", self.positives_px, self._names), _clicks("negative", self.negatives_px)]
        given += [f"{_counted(count, 'positive')} for {name} on {image}" for name, image, count in self.earlier]
        clicks = " and ".join(part for part in given if part)
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
            "positives": [
                {"y_px": y, "x_px": x} | ({"class": name} if name else {})
                for (y, x), name in zip(self.positives_px, self._names, strict=True)
            ],
            "negatives": [{"y_px": y, "x_px": x} for y, x in self.negatives_px],
            "earlier": [{"class": name, "image": image, "positives": count} for name, image, count in self.earlier],
        }


def _clicks(sign: str, points_px: tuple[YX, ...], names: tuple[str, ...] | None = None) -> str:
    """Empty where there are none."""
    if not points_px:
        return ""
    places = "; ".join(
        f"{name}{': ' if name else ''}y {y:g}, x {x:g}"
        for (y, x), name in zip(points_px, names or ("",) * len(points_px), strict=True)
    )
    return f"{_counted(len(points_px), sign)} ({places} px)"


def _counted(count: int, sign: str) -> str:
    return f"{count} {sign} click{'' if count == 1 else 's'}"
