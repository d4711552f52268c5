"""What a map is asked: what is rare, what is like the clicks, or what the words say; and who answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from deepscan_core.live.clicks import DEFAULT_CLASS, Click
from deepscan_core.live.settings import MapSettings
from deepscan_core.records.asked import Asked
from deepscan_core.records.coordinates import YX
from deepscan_core.records.image import CalibratedImage
from deepscan_core.records.levels import Levels
from deepscan_core.records.maps import ScoreMap
from deepscan_core.records.regions import ScanRegion

from ..clicking.taught_frames import TaughtFrame
from ..form import Mode
from . import computing

if TYPE_CHECKING:
    from deepscan_core.explain import Explanation


@dataclass(frozen=True, kw_only=True)
class Question:
    """What a map shows, and how it is made.

    Attributes
    ----------
    mode : which of words and clicks count.
    settings : of the map.
    query : the words.
    clicks : the examples, each with the name of its frame; None is the image itself.
    """

    mode: Mode = "surprise"
    settings: MapSettings = field(default_factory=MapSettings)
    query: str = ""
    clicks: tuple[Click, ...] = ()

    @property
    def lacks(self) -> str:
        """What a person has to do before there can be a map; empty where there is nothing to do."""
        if self.mode == "words" and not self.query:
            return "there are no words yet: fill in what to look for"
        if self.mode == "teach" and not any(click.is_positive for click in self.clicks):
            return "there is no example yet: press + Example, and click on what you look for"
        return ""


@dataclass(frozen=True, kw_only=True)
class Look:
    """A question, with the frames that its clicks were made on. It may be asked in any thread, and takes a while.

    Attributes
    ----------
    question : see there; nothing is lacking.
    frames : by the names that the clicks tell.
    """

    question: Question
    frames: Mapping[str, TaughtFrame] = field(default_factory=dict)

    def map_of(self, image: CalibratedImage, *, is_hurried: bool = False) -> ScoreMap:
        """The answer for an image; `is_hurried` as in `deepscan_core.live.maps.teach`."""
        maker, asked = computing.maker(), self.question
        if asked.mode == "teach":
            taught: ScoreMap = maker.teach(
                image,
                asked.clicks,
                asked.settings,
                frame_of=self._frame_of,
                version_of=self._version_of,
                is_hurried=is_hurried,
            )
            return taught
        if asked.mode == "words":
            said: ScoreMap = maker.search(image, asked.query, asked.settings)
            return said
        surprising: ScoreMap = maker.surprisal(image, asked.settings)
        return surprising

    def taught_levels(
        self, image: CalibratedImage, *, is_hurried: bool, tables: Mapping[str, npt.NDArray[np.uint32]] | None = None
    ) -> Levels:
        """What an overlay shows of the answer to the clicks; see `deepscan_core.live.maps.teach_levels`."""
        found: Levels = computing.maker().teach_levels(
            image,
            self.question.clicks,
            self.question.settings,
            frame_of=self._frame_of,
            version_of=self._version_of,
            is_hurried=is_hurried,
            tables=tables,
        )
        return found

    def next_click(self, image: CalibratedImage) -> YX:
        """The place ``(y, x)``, in fractions, whose click would teach most."""
        found: Click = computing.maker().suggest_click(
            image,
            self.question.clicks,
            self.question.settings,
            frame_of=self._frame_of,
            version_of=self._version_of,
        )
        return (found.y_frac, found.x_frac)

    def explain(self, image: CalibratedImage, region: ScanRegion) -> Explanation:
        """Why a region of an image was chosen by the answer."""
        asked = self.question
        found: Explanation = computing.maker().explain(
            image,
            region,
            asked.settings,
            clicks=self._clicks_seen_from(image) if asked.mode == "teach" else (),
            query=asked.query if asked.mode == "words" else "",
            frame_of=self._frame_of,
            version_of=self._version_of,
        )
        return found

    def told(self, image: CalibratedImage) -> Asked:
        """The same for a report on an image; clicks on other frames have no place on this one and are counted."""
        asked = self.question
        if asked.mode == "words":
            return Asked(query=asked.query)
        if asked.mode == "surprise":
            return Asked(scorer=asked.settings.scorer)
        clicks = self._clicks_seen_from(image)
        here = [click for click in clicks if click.frame is None]
        names = tuple(_own_name(click) for click in here if click.is_positive)
        elsewhere = Counter(
            (str(click.class_name), self.frames[click.frame].title)
            for click in clicks
            if click.frame is not None and click.is_positive
        )
        return Asked(
            positives_px=tuple(click.at_px(image.shape) for click in here if click.is_positive),
            negatives_px=tuple(click.at_px(image.shape) for click in here if not click.is_positive),
            class_names=names if any(names) else (),
            earlier=tuple((name, title, count) for (name, title), count in elsewhere.items()),
        )

    def _clicks_seen_from(self, image: CalibratedImage) -> tuple[Click, ...]:
        """The clicks; those on frames that hold this very image as clicks on it."""
        names = {click.frame for click in self.question.clicks if click.frame is not None}
        same = {name for name in names if np.array_equal(self.frames[name].image.array, image.array)}
        return tuple(replace(click, frame=None) if click.frame in same else click for click in self.question.clicks)

    def _frame_of(self, name: str) -> CalibratedImage:
        return self.frames[name].image

    def _version_of(self, name: str) -> str:
        return self.frames[name].version


def _own_name(click: Click) -> str:
    """Of what was clicked; empty where nobody gave it one."""
    return "" if click.class_name in (None, DEFAULT_CLASS) else str(click.class_name)
