"""“Why here” for one region of a plan: a picture of the grounds, in a data item. Heavy parts load in the worker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from nion.data import DataAndMetadata
from nion.swift.model import DataItem

from ..mapping.asking import Look

if TYPE_CHECKING:
    from deepscan_core.explain import Explanation

    from .planning import Plan


def explain(plan: Plan, order: int, look: Look) -> tuple[Explanation, npt.NDArray[np.uint8]]:
    """The grounds of a region and their picture, uint8 ndarray of shape (rows, cols, 3) in Swift's order blue, green, red.

    Parameters
    ----------
    plan : what was planned; its frame is looked at again, or what is kept of that.
    order : the region's number.
    look : what the plan's map was asked, and who answers.
    """
    from deepscan_core.reporting.why_figure import why_rgb

    found = look.explain(plan.image, plan.regions[order - 1])
    picture = why_rgb(found, plan.image, f"Why here: region {order} of {plan.image.name}")
    return found, np.ascontiguousarray(picture[..., ::-1])


def add_picture(
    document_model: Any, plan: Plan, order: int, found: Explanation, picture: npt.NDArray[np.uint8]
) -> DataItem.DataItem:
    """A new data item with the picture, and the numbers in its metadata; in the user interface's thread."""
    data_item = DataItem.DataItem()
    data_item.set_xdata(
        DataAndMetadata.new_data_and_metadata(
            picture, metadata={"deepscan": {"region": order, "why": found.to_dict(), "image": plan.image.sha256}}
        )
    )
    data_item.title = f"Why here: region {order} of {plan.image.name}"
    document_model.append_data_item(data_item)
    return data_item
