"""Weights that come with DeepScan itself, each beside a card that says how they were made and how good they are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from deepscan_core.errors import MissingError
from deepscan_core.weights.catalogue import checked

DISTRIBUTION = "nionswift-deepscan"
FOLDER = Path(__file__).with_name("files")


@dataclass(frozen=True, kw_only=True)
class ShippedWeights:
    """A weights file inside this package.

    Attributes
    ----------
    name : of the model.
    sha256 : of the file ``files/<name>.safetensors``; its card is ``files/<name>.md``.
    licence, origin : of what it was made from.
    """

    name: str
    sha256: str
    licence: str
    origin: str

    def file(self) -> Path:
        """The file; raises `MissingError` where an installation lacks it."""
        path = FOLDER / f"{self.name}.safetensors"
        if not path.is_file():
            raise MissingError(f"{path} is missing: pip install --force-reinstall {DISTRIBUTION}")
        return path

    def checked_file(self) -> Path:
        """`file`, after its hash was compared; raises `MissingError` if it is another file."""
        return checked(self.file(), self.sha256, DISTRIBUTION)


SHIPPED = {
    weights.name: weights
    for weights in (
        ShippedWeights(
            name="deepscan-words",
            sha256="c7e1cc88838a04cb12f7d2b64f890f7785b127b4eb55db5dd33d9013e7d42fad",
            licence="GPL-3.0-or-later; the table of words is made with MiniLM (Apache-2.0) and WordNet",
            origin="training/train_words.py, on rendered scenes alone",
        ),
    )
}
