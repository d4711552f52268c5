"""Phrases in the space of a text-image model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deepscan_core.errors import InputError

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False, kw_only=True)
class PhraseVectors:
    """Phrases as directions: a place with the unit embedding e has the log-odds ``weights @ e + biases`` to be meant.

    Attributes
    ----------
    phrases : in words.
    weights : float32 ndarray of shape (n_phrases, n_dimensions).
    biases : float32 ndarray of shape (n_phrases,).
    """

    phrases: tuple[str, ...]
    weights: FloatArray
    biases: FloatArray

    def __post_init__(self) -> None:
        n = len(self.phrases)
        if self.weights.ndim != 2 or len(self.weights) != n or self.biases.shape != (n,):
            raise InputError(
                f"{n} phrases with weights of shape {self.weights.shape} and biases of shape {self.biases.shape}: "
                "give one row and one number a phrase"
            )

    def directions(self) -> FloatArray:
        """Unit vectors, shape (n_phrases, n_dimensions)."""
        unit: FloatArray = self.weights / np.linalg.norm(self.weights, axis=1, keepdims=True)
        return unit
