"""Why regions score as they do, with whatever made the map: surprise, clicks of several classes, words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from deepscan_core.errors import DeepScanError, InputError
from deepscan_core.explain import Explanation
from deepscan_core.features import classical
from deepscan_core.records.asked import Asked
from deepscan_core.records.coordinates import YX
from deepscan_core.records.image import CalibratedImage
from deepscan_core.records.protocol import ScanProtocol
from deepscan_core.records.regions import ScanRegion
from deepscan_core.reporting.why import explained
from deepscan_core.scoring.names import FUSED
from deepscan_core.scoring.teaching.classes import DEFAULT_CLASS, Clicks
from deepscan_core.scoring.teaching.labels import Label
from deepscan_core.study import Study

if TYPE_CHECKING:
    from deepscan_core.features.words import WordModel

ASKED = "asked"  # in the provenance of plans
OWN_WORDS = "deepscan"


class Reasons:
    """Explains regions of a study's map.

    Parameters
    ----------
    study : of the image.
    clicks, earlier : what was clicked, as for `Study.teach_classes`; none where nobody taught.
    query, model : of the words; an empty query is none.
    """

    def __init__(
        self,
        study: Study,
        clicks: Clicks,
        earlier: Sequence[Label] = (),
        *,
        query: str = "",
        model: WordModel | None = None,
    ) -> None:
        self._study = study
        self._query, self._model = query, model
        self._teachers = []
        for name in dict.fromkeys([*clicks.classes, *(label.class_name for label in earlier)]):
            positives, negatives = clicks.of(name)
            own = [label for label in earlier if label.class_name == name]
            teacher = study.teacher(positives, negatives, earlier=own)
            self._teachers.append((teacher, study.resemble(teacher).values, positives))

    def explain(self, region: ScanRegion, clicks_px: Sequence[YX] = ()) -> Explanation:
        """See `Study.explain`; of several classes by that which is likeliest there."""
        if not self._teachers:
            return self._study.explain(region, clicks_px, query=self._query, model=self._model)
        inner = region.slices(self._study.image.shape)
        best = int(np.argmax([values[inner].max() for _, values, _ in self._teachers]))
        teacher, _, positives = self._teachers[best]
        return self._study.explain(region, positives, teacher=teacher, query=self._query, model=self._model)


def explained_or_noted(
    make: Callable[[], Reasons], regions: Sequence[ScanRegion]
) -> tuple[dict[int, Explanation], tuple[str, ...]]:
    """Why the best regions score as they do, and a note where that cannot be told: words need no backbone, this may."""
    try:
        return explained(make(), regions), ()
    except DeepScanError as error:
        return {}, (f"why each place was chosen is not told: {error}",)


def asked_in(protocol: ScanProtocol) -> Asked | None:
    """What the map of a plan was asked for; None where the plan does not tell."""
    try:
        return Asked.from_dict(protocol.provenance.get(ASKED))
    except InputError:
        return None


def reasons_of_plan(protocol: ScanProtocol, image: CalibratedImage) -> Reasons:
    """What explains the regions of a plan, from what the plan tells of its map.

    Clicks on other images are not at hand, and models of words other than DeepScan's own may not be: what they said is left
    out. A plan that does not name its backbone loads none.
    """
    told = protocol.provenance.get("parameters")
    parameters = told if isinstance(told, dict) else {}
    asked = asked_in(protocol) or Asked(scorer=FUSED)
    named = {key: parameters[key] for key in ("backbone", "scorer") if isinstance(parameters.get(key), str)}
    study = Study(image, **{"backbone": classical.NAME, **named})
    positives: dict[str, list[YX]] = {}
    for at_px, name in zip(asked.positives_px, asked.class_names or ("",) * len(asked.positives_px), strict=True):
        positives.setdefault(name or DEFAULT_CLASS, []).append(at_px)
    is_own = parameters.get("clip_model") in (None, OWN_WORDS) and parameters.get("clip_checkpoint") is None
    return Reasons(
        study,
        Clicks(positives_px={} if asked.earlier else positives, negatives_px=asked.negatives_px),
        query=asked.query if is_own else "",
    )
