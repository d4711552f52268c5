"""Words and places of an image in one space: DeepScan's own model, or one of open_clip behind the same interface."""

from __future__ import annotations

from pathlib import Path

from deepscan_core.features.words.model import WordModel

OWN = "deepscan"

__all__ = ["OWN", "WordModel", "load_word_model"]


def load_word_model(name: str | None = None, checkpoint: Path | None = None, device: str = "auto") -> WordModel:
    """The text-image model of a name; kept, so that asking again costs nothing.

    Parameters
    ----------
    name : "deepscan", the default, comes with DeepScan; any other is a model of open_clip such as ViT-B-32.
    checkpoint : local weights of an open_clip model, which are ViT-B-32's if no name is given.
    device : of torch, for open_clip; DeepScan's own runs on the CPU.

    Raises
    ------
    InputError
        No such model, or weights that do not fit it.
    MissingError
        torch or open_clip are not installed, or no weights can be had.
    """
    if name in (None, OWN) and checkpoint is None:
        from deepscan_core.features.words.own import load_own_model

        return load_own_model()
    from deepscan_core.features.words.clip import load_clip

    return load_clip(None if name == OWN else name, checkpoint, device)
