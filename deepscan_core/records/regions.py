"""Rectangles worth a visit, and what was measured inside them."""

from __future__ import annotations

from dataclasses import dataclass

from deepscan_core.records.coordinates import YX, check_finite, check_positive


@dataclass(frozen=True, kw_only=True)
class ScanRegion:
    """A rectangle of the image to be scanned.

    Attributes
    ----------
    center_px : ``(y, x)`` image index of its centre.
    size_px : ``(height, width)``.
    score : the highest score inside.
    label : what was found, for people.
    center_nm, size_nm : the same in the context's axes; None without calibration.
    """

    center_px: YX
    size_px: YX
    score: float
    label: str = ""
    center_nm: YX | None = None
    size_nm: YX | None = None

    def __post_init__(self) -> None:
        check_finite("center_px, score of a region", *self.center_px, self.score)
        check_positive("size_px of a region", *self.size_px)

    @property
    def bounds_px(self) -> tuple[float, float, float, float]:
        """Edges ``(top, left, bottom, right)`` as indices; whole pixels have their edges at ±0.5."""
        (y, x), (h, w) = self.center_px, self.size_px
        return (y - h / 2, x - w / 2, y + h / 2, x + w / 2)

    def slices(self, shape: tuple[int, int]) -> tuple[slice, slice]:
        """The whole pixels inside, clipped to an image of `shape`."""
        top, left, bottom, right = (round(edge + 0.5) for edge in self.bounds_px)
        return (slice(max(top, 0), min(bottom, shape[0])), slice(max(left, 0), min(right, shape[1])))


@dataclass(frozen=True, kw_only=True)
class RegionMeasurement:
    """One object segmented in the image itself; the fields are the columns of ``quantification.csv``.

    Lengths in nm are None without calibration. ``orientation_rad`` is the angle of the major axis, counter-clockwise
    from the x axis as seen on the screen, in (-π/2, π/2]. ``touches_border`` says that the object runs out of the
    image or of the neighbourhood that was searched, so its area is a lower bound.
    """

    id: int
    region: int
    centroid_y_nm: float | None
    centroid_x_nm: float | None
    area_nm2: float | None
    equivalent_diameter_nm: float | None
    major_axis_nm: float | None
    minor_axis_nm: float | None
    orientation_rad: float
    mean_intensity: float
    score: float
    touches_border: bool
    centroid_y_px: float
    centroid_x_px: float
    area_px: float
    equivalent_diameter_px: float
    major_axis_px: float
    minor_axis_px: float
