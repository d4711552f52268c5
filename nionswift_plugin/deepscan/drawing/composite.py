"""Image and overlay in one picture, for reports and talks: colours without numbers, so the map itself stays beside it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from nion.data import DataAndMetadata
from nion.swift.model import DataItem

from deepscan_core.errors import InputError
from deepscan_core.records.levels import levels_of

from . import color_maps, overlay
from .color_maps import OverlayStyle

#: percentiles of the image that become black and white
STRETCH_PERCENTILES = (1.0, 99.0)


def composite_data(
    image_values: npt.NDArray[Any],
    scores: npt.NDArray[np.float32],
    kind: str = "surprisal",
    style: OverlayStyle | None = None,
) -> npt.NDArray[np.uint8]:
    """The image in grey with the overlay blended in.

    Parameters
    ----------
    image_values : real ndarray of shape (rows, cols).
    scores : of the same shape.
    kind : of the scores.
    style : of the overlay, None for the default.

    Returns
    -------
    uint8 ndarray of shape (rows, cols, 3) in Swift's order: blue, green, red.
    """
    style = style or OverlayStyle()
    if scores.shape != image_values.shape:
        raise InputError(f"the map has shape {scores.shape}, the image {image_values.shape}: give two of one shape")
    gray = _stretched(image_values)[..., None]
    if not style.visible:
        return np.repeat(np.rint(gray).astype(np.uint8), 3, axis=-1)
    pixels = color_maps.raster(levels_of(scores, kind), style)
    colored = pixels.view(np.uint8).reshape(*scores.shape, 4).astype(np.float32)
    alpha = colored[..., 3:] / 255.0
    blended: npt.NDArray[np.uint8] = np.rint(gray * (1.0 - alpha) + colored[..., :3] * alpha).astype(np.uint8)
    return blended


def make_composite(document_model: Any, source: Any, map_item: Any, style: OverlayStyle | None = None) -> Any:
    """A new data item that shows image and overlay in one, calibrated as the image. It does not follow the scan.

    Parameters
    ----------
    document_model : Swift's library.
    source : the image, as a display (whose style is taken where none is given) or as a data item.
    map_item : data item of the score map, made by DeepScan.
    style : of the overlay; None takes that of the display.

    Returns
    -------
    The new data item (`nion.swift.model.DataItem`).
    """
    if isinstance(source, DataItem.DataItem):
        data_item, style = source, style or OverlayStyle()
    else:
        data_item, style = source.data_item, style or overlay.style_of(source)
    if data_item is None or map_item is None or data_item.xdata is None or map_item.xdata is None:
        raise InputError("there is no image or no map yet: attach, wait for the first map, and export again")
    image, scores = data_item.xdata, map_item.xdata
    kind = scores.metadata.get("deepscan", {}).get("kind", "surprisal")
    composite = DataItem.DataItem()
    composite.set_xdata(
        DataAndMetadata.new_data_and_metadata(
            composite_data(image.data, np.asarray(scores.data), kind, style),
            dimensional_calibrations=image.dimensional_calibrations,
            metadata={"deepscan": {"image": str(data_item.uuid), "map": str(map_item.uuid), "style": style.to_json()}},
        )
    )
    composite.title = f"{data_item.title} with {map_item.title}"
    document_model.append_data_item(composite)
    return composite


def _stretched(values: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Values on a scale of 0 to 255 between two percentiles; what is no finite number is black."""
    image = np.asarray(values, np.float32)
    finite = image[np.isfinite(image)]
    if finite.size == 0:
        return np.zeros(image.shape, np.float32)
    low, high = np.percentile(finite, STRETCH_PERCENTILES)
    span = high - low if high > low else 1.0
    stretched: npt.NDArray[np.float32] = np.nan_to_num((image - low) * np.float32(255.0 / span), nan=0.0)
    return np.clip(stretched, 0.0, 255.0)
