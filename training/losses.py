"""What a step of training makes less: of phrases that are wrong at pixels, and of kinds that are mistaken for others."""

from __future__ import annotations

import torch
from torch.nn import functional

from deepscan_core.simulation.corpus.captions import MAYBE
from deepscan_core.simulation.corpus.nouns import KINDS

MOST_POSITIVE_WEIGHT = 12.0
DICE_SHARE, NAMING_SHARE = 0.5, 0.3
ONE_FAMILY = (("nanoparticle", "particle"), ("satellite", "particle"), ("carbide", "precipitate"))


def loss_of(logits: torch.Tensor, targets: torch.Tensor, kinds: torch.Tensor) -> torch.Tensor:
    """The loss of one batch.

    Parameters
    ----------
    logits : shape (scenes, pixels, captions), those of the kinds first.
    targets, kinds : see `batches.Batch`.
    """
    return _matching(logits, targets) + NAMING_SHARE * _naming(logits[..., : len(KINDS)], targets, kinds)


def _matching(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Weighted cross-entropy of each phrase at each pixel, and soft dice of the phrases that mean something here."""
    is_yes, counts = (targets == 1).float(), (targets >= 0).float()
    positives, negatives = is_yes.sum((0, 1)), (counts - is_yes).sum((0, 1))
    weight = 1 + is_yes * ((negatives / positives.clamp(min=1)).clamp(1, MOST_POSITIVE_WEIGHT) - 1)
    entropy = functional.binary_cross_entropy_with_logits(logits, is_yes, weight=weight * counts, reduction="none")
    matching = entropy.sum() / (weight * counts).sum()
    share = logits.sigmoid() * counts
    overlap, total = (share * is_yes).sum((0, 1)), (share + is_yes).sum((0, 1))
    asked = positives > 0
    dice = 1 - (2 * overlap[asked] + 1) / (total[asked] + 1)
    return matching + DICE_SHARE * dice.mean()


def _naming(logits: torch.Tensor, targets: torch.Tensor, kinds: torch.Tensor) -> torch.Tensor:
    """Which of the kinds is it? Kinds that a pixel's own may also be called are no rivals."""
    rivals = logits + _OPEN_BETWEEN[kinds]
    named = targets.gather(2, kinds[..., None])[..., 0] == 1
    if not bool(named.any()):
        return logits.sum() * 0
    frequency = torch.bincount(kinds[named], minlength=len(KINDS)).float()
    weight = (frequency.sum() / frequency.clamp(min=1)).sqrt() * (frequency > 0)
    return functional.cross_entropy(rivals[named], kinds[named], weight=weight)


def _open_between() -> torch.Tensor:
    """A large negative number where the kind of a column may also be meant at pixels of the kind of a row."""
    table = torch.zeros(len(KINDS), len(KINDS))
    for row, own in enumerate(KINDS):
        for column, other in enumerate(KINDS):
            if other != own and own in MAYBE.get(other, ()):
                table[row, column] = -1e4
    for host, parts in ONE_FAMILY:
        table[KINDS.index(host), KINDS.index(parts)] = -1e4
    return table


_OPEN_BETWEEN = _open_between()
