"""What a live view calls: an image and plain settings in, a map or a list of objects out. Safe in any thread."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from deepscan_core.errors import InputError
from deepscan_core.features.classical import NAME as CLASSICAL
from deepscan_core.live.clicks import Click, classes_of, examples_px
from deepscan_core.live.lessons import ExamplesStore
from deepscan_core.live.results import ResultStore
from deepscan_core.live.settings import MapSettings
from deepscan_core.live.studies import StudyStore, key_of
from deepscan_core.records.coordinates import index_to_fraction
from deepscan_core.records.image import CalibratedImage
from deepscan_core.records.levels import Levels
from deepscan_core.records.maps import ScoreMap
from deepscan_core.records.regions import RegionMeasurement, ScanRegion
from deepscan_core.scoring.teacher import Teacher
from deepscan_core.scoring.teaching.examples import Examples
from deepscan_core.threads import one_blas_thread

if TYPE_CHECKING:
    from deepscan_core.explain import Explanation
    from deepscan_core.study import Study

LEAST_SHAPE = (64, 64)
STUDIES = StudyStore()
EXAMPLES = ExamplesStore()
TAUGHT: ResultStore[ScoreMap] = ResultStore(
    most=2
)  # who clicks is answered by one thread, and Swift's library by another

#: is told the share of the work that is done, from 0 to 1; what it raises ends the work
Report = Callable[[float], None]


def say_nothing(share: float) -> None:
    """A report to nobody."""


def surprisal(image: CalibratedImage, settings: MapSettings, *, report: Report = say_nothing) -> ScoreMap:
    """How rare each place is, in nats; see `Study.surprisal`."""
    with STUDIES.study(image, settings) as study:
        report(0.1)
        return study.surprisal()


def teach(
    image: CalibratedImage,
    clicks: Sequence[Click],
    settings: MapSettings,
    *,
    frame_of: Callable[[str], CalibratedImage] | None = None,
    version_of: Callable[[str], str] | None = None,
    is_hurried: bool = False,
    report: Report = say_nothing,
) -> ScoreMap:
    """Probability of showing what was clicked, of several classes the highest one.

    Each click is learned from the frame on which it was made, whatever the view shows by now.

    Parameters
    ----------
    image : what is looked at now.
    clicks : at least one positive.
    settings : see `MapSettings`.
    frame_of : the image behind the name of a frame; raises `InputError` for one that is gone.
    version_of : says of a frame's name what changes when its image does; then what was learned from it is kept.
    is_hurried : somebody waits, and there will be a next look: ordinary places are then taken from the frames that are
        known already, and only the clicks from a new one.
    report : see `Report`.

    Raises
    ------
    InputError
        No positive click, or a place that was clicked both ways.
    """
    versions = _versions(clicks, version_of)
    key = (key_of(image, settings), tuple(clicks), tuple(sorted(versions.items())), is_hurried)
    return TAUGHT.once(
        None if None in versions.values() else key,
        lambda: _taught(image, clicks, settings, frame_of, versions, is_hurried, report),
    )


def teach_levels(
    image: CalibratedImage,
    clicks: Sequence[Click],
    settings: MapSettings,
    *,
    frame_of: Callable[[str], CalibratedImage] | None = None,
    version_of: Callable[[str], str] | None = None,
    is_hurried: bool = True,
    tables: Mapping[str, npt.NDArray[np.uint32]] | None = None,
    report: Report = say_nothing,
) -> Levels:
    """What an overlay shows of a map that clicks have taught, of 512 x 512 px an eighth of its bytes; see `teach`.

    Where somebody waits and nobody has looked at the image yet, the frame before stands in for it if both show the same,
    also for the last click. Nothing of that is kept; `teach` gives the map of the image itself.

    Parameters
    ----------
    tables : colours of all levels by the name of a style; pictures in these come with the levels (`Levels.pictured`).
    """
    return _taught_levels(image, clicks, settings, frame_of, version_of, is_hurried, report).pictured(tables or {})


def _taught_levels(
    image: CalibratedImage,
    clicks: Sequence[Click],
    settings: MapSettings,
    frame_of: Callable[[str], CalibratedImage] | None,
    version_of: Callable[[str], str] | None,
    is_hurried: bool,
    report: Report,
) -> Levels:
    """See `teach_levels`."""
    before = STUDIES.frame_before(image, settings) if is_hurried else None
    if before is None:
        found = teach(
            image,
            clicks,
            settings,
            frame_of=frame_of,
            version_of=version_of,
            is_hurried=is_hurried,
            report=report,
        )
        return found.display_levels
    name = clicks[-1].frame if clicks else None
    stood_for = name if name is not None and _frame(name, frame_of).sha256 == image.sha256 else None
    versions = {**_versions(clicks, version_of), **({} if stood_for is None else {stood_for: None})}

    def standing_in(name: str) -> CalibratedImage:
        return before if name == stood_for else _frame(name, frame_of)

    return _taught(before, clicks, settings, standing_in, versions, True, report).display_levels


def suggest_click(
    image: CalibratedImage,
    clicks: Sequence[Click],
    settings: MapSettings,
    *,
    frame_of: Callable[[str], CalibratedImage] | None = None,
    version_of: Callable[[str], str] | None = None,
    report: Report = say_nothing,
) -> Click:
    """The next most useful click on what is looked at now, as a positive one of the class that it would tell most about.

    Whoever is asked says whether it is one. For parameters and errors see `teach`; `InputError` too where no place is left.
    """
    classes = classes_of(clicks)
    versions = _versions(clicks, version_of)
    teachers = _teachers(image, clicks, settings, frame_of, versions, False, report)
    asked = [click.at_px(image.shape) for click in clicks]  # on frames before too, which mostly show the same place
    fewest = min(classes, key=lambda name: sum(c.is_positive and c.class_name == name for c in clicks))
    with STUDIES.study(image, settings) as study:
        y_px, x_px = study.suggest_for(teachers[fewest], asked)
    return Click(
        y_frac=index_to_fraction(y_px, image.shape[0]),
        x_frac=index_to_fraction(x_px, image.shape[1]),
        class_name=fewest,
    )


def _versions(clicks: Sequence[Click], version_of: Callable[[str], str] | None) -> dict[str, str | None]:
    """Of the frames that were clicked, by name; None where nobody says it."""
    return {c.frame: version_of(c.frame) if version_of else None for c in clicks if c.frame is not None}


def _taught(
    image: CalibratedImage,
    clicks: Sequence[Click],
    settings: MapSettings,
    frame_of: Callable[[str], CalibratedImage] | None,
    versions: Mapping[str, str | None],
    is_hurried: bool,
    report: Report,
) -> ScoreMap:
    """See `teach`."""
    classes = classes_of(clicks)
    if np.ptp(image.array) == 0:
        return ScoreMap(np.zeros(image.shape, np.float32), kind="probability", label="a uniform view shows nothing")
    teachers = _teachers(image, clicks, settings, frame_of, versions, is_hurried, report)
    report(0.85)
    with STUDIES.study(image, settings) as study:
        maps = [study.resemble(teacher) for teacher in teachers.values()]
    if len(maps) == 1:
        return maps[0]
    highest = np.maximum.reduce([found.values for found in maps])
    return ScoreMap(highest, kind="probability", label=f"like {', '.join(classes)}", blur_px=maps[0].blur_px)


def _teachers(
    image: CalibratedImage,
    clicks: Sequence[Click],
    settings: MapSettings,
    frame_of: Callable[[str], CalibratedImage] | None,
    versions: Mapping[str, str | None],
    is_hurried: bool,
    report: Report,
) -> dict[str, Teacher]:
    """One that has learned each class, from the frames that were clicked."""
    classes = classes_of(clicks)
    frames = tuple(dict.fromkeys(click.frame for click in clicks))
    on_frame = {frame: tuple(click for click in clicks if click.frame == frame) for frame in frames}
    keys = {
        frame: None
        if versions.get(frame or "") is None
        else (frame, versions.get(frame or ""), here, classes, settings)
        for frame, here in on_frame.items()
    }
    learned = {frame: EXAMPLES.get(key) for frame, key in keys.items()}
    is_hurried = is_hurried and any(learned.values())
    for number, (frame, here) in enumerate(on_frame.items()):
        report(0.8 * number / len(frames))
        if learned[frame] is None:
            clicked = image if frame is None else _frame(frame, frame_of)
            found = _learned(clicked, here, classes, settings, with_bulk=not is_hurried, report=report)
            EXAMPLES.keep(None if is_hurried else keys[frame], found)
            learned[frame] = found
    report(0.8)
    with one_blas_thread():
        return {name: Teacher().fit([found[name] for found in learned.values() if found]) for name in classes}


def search(image: CalibratedImage, query: str, settings: MapSettings, *, report: Report = say_nothing) -> ScoreMap:
    """Similarity of each place to a few words; see `Study.search`."""
    with STUDIES.study(image, settings) as study:
        report(0.1)
        return study.search(query)


def quantify(
    image: CalibratedImage, settings: MapSettings, *, report: Report = say_nothing
) -> tuple[RegionMeasurement, ...]:
    """Measure the objects of the image at the places that surprise; see `Study.regions` and `Study.measure`."""
    with STUDIES.study(image, settings) as study:
        report(0.1)
        scores = study.surprisal()
        report(0.6)
        regions = study.regions(scores, **settings.region_options())
        report(0.8)
        return study.measure(regions, scores)


def explain(
    image: CalibratedImage,
    region: ScanRegion,
    settings: MapSettings,
    *,
    clicks: Sequence[Click] = (),
    query: str = "",
    frame_of: Callable[[str], CalibratedImage] | None = None,
    version_of: Callable[[str], str] | None = None,
    report: Report = say_nothing,
) -> Explanation:
    """Why a region scores as it does, and why it is like the clicks or what the words say; see `Study.explain`.

    Parameters
    ----------
    image, settings : that the map was made of, and how.
    region : of the image.
    clicks : that the map was taught by, if it was; of several classes the one that is likeliest in the region counts.
    query : the words that the map was asked for, if it was.
    frame_of, version_of, report : see `teach`.
    """
    if not any(click.is_positive for click in clicks):
        with STUDIES.study(image, settings) as study:
            return study.explain(region, query=query)
    on_it_first = sorted(clicks, key=lambda click: click.frame is not None)
    versions = _versions(clicks, version_of)
    teachers = _teachers(image, on_it_first, settings, frame_of, versions, False, report)
    on_it = [click for click in clicks if click.frame is None]
    with STUDIES.study(image, settings) as study:
        name = _likeliest(study, teachers, region)
        positives_px, _ = examples_px(on_it, name, image.shape)
        return study.explain(region, positives_px, teacher=teachers[name], query=query)


def _likeliest(study: Study, teachers: Mapping[str, Teacher], region: ScanRegion) -> str:
    """The class that is most probable somewhere in a region."""
    names = list(teachers)
    if len(names) == 1:
        return names[0]
    inner = region.slices(study.image.shape)
    return max(names, key=lambda name: float(study.resemble(teachers[name]).values[inner].max(initial=0.0)))


def _learned(
    image: CalibratedImage,
    clicks: Sequence[Click],
    classes: Sequence[str],
    settings: MapSettings,
    *,
    with_bulk: bool,
    report: Report,
) -> dict[str, Examples]:
    """What the clicks on one frame teach about each class."""
    with STUDIES.study(image, settings) as study:
        if with_bulk:
            study.surprisal()  # the longest part, so that it can be stopped after it
            report(0.4)
        return {name: study.examples(*examples_px(clicks, name, image.shape), with_bulk=with_bulk) for name in classes}


def warm(settings: MapSettings, *, shape: tuple[int, int] = LEAST_SHAPE) -> None:
    """Load everything that the first maps would wait for, and look once at noise of a shape; takes seconds, once."""
    if settings.backbone != CLASSICAL:
        from deepscan_core.features.backbones import load_backbone

        load_backbone(settings.backbone)
    noise = CalibratedImage(np.random.default_rng(0).normal(size=shape))
    surprisal(noise, settings)
    teach(noise, [Click(y_frac=0.5, x_frac=0.5)], settings)
    STUDIES.forget(noise, settings)


def _frame(name: str, frame_of: Callable[[str], CalibratedImage] | None) -> CalibratedImage:
    if frame_of is None:
        raise InputError(f"a click was made on the frame {name}, and no frames are at hand: click on this image")
    return frame_of(name)
