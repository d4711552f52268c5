"""The text side, fitted alone once the picture side has learned: several heads, of which the search takes the mean.

Heads that start from other numbers agree about the words they saw and differ about others; their mean is better at those
(Lakshminarayanan et al., NeurIPS 2017, arXiv:1612.01474). All give directions in the one space of the picture side, so that
the mean costs nothing when a picture is searched.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from deepscan_core.features.words.lexicon import Lexicon
from deepscan_core.features.words.network import Decoder, PhraseHead, PhraseHeads
from training.batches import Batches
from training.losses import loss_of
from training.scene_cache import Shard
from training.wording import encoded

BATCHES, BATCH = 600, 24  # that are looked at; 1 GB
STEPS, PIXELS = 1500, 192  # of a head, and pixels of a scene that one step draws
RATE, WARM_UP, COOLING_SHARE, DECAY = 3e-3, 50, 0.3, 0.1


@dataclass(frozen=True, eq=False, kw_only=True)
class Looked:
    """A batch as the picture side sees it.

    Attributes
    ----------
    embedded : float16 of shape (scenes, DIMENSIONS, pixels).
    captions : texts.
    targets, kinds : see `batches.Batch`; int8.
    """

    embedded: npt.NDArray[np.float16]
    captions: tuple[str, ...]
    targets: npt.NDArray[np.int8]
    kinds: npt.NDArray[np.int8]


def fit_text_side(
    decoder: Decoder,
    shards: Sequence[Shard],
    lexicon: Lexicon,
    *,
    seed: int,
    shuffled: bool = False,
    batches: int = BATCHES,
    steps: int = STEPS,
) -> PhraseHeads:
    """Heads for a decoder in evaluation mode, which stays as it is."""
    source = Batches(shards, seed=seed, size=BATCH, shuffled=shuffled)
    looked = [_look(decoder, source) for _ in range(batches)]
    side = PhraseHeads()
    for number in range(len(side.heads)):
        side.heads[number] = _fitted_head(looked, lexicon, seed=seed + number, steps=steps)
        print(f"head {number + 1} of {len(side.heads)}", flush=True)
    return side.eval()


@torch.inference_mode()
def _look(decoder: Decoder, source: Batches) -> Looked:
    batch = source.draw()
    embedded = decoder(*batch.inputs).flatten(2)
    embedded = embedded.gather(2, batch.pixels[:, None].expand(-1, embedded.shape[1], -1))
    return Looked(
        embedded=embedded.half().numpy(),
        captions=tuple(caption.text for caption in batch.captions),
        targets=batch.targets.numpy().astype(np.int8),
        kinds=batch.kinds.numpy().astype(np.int8),
    )


def _fitted_head(looked: Sequence[Looked], lexicon: Lexicon, *, seed: int, steps: int) -> PhraseHead:
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    head = PhraseHead()
    optimiser = torch.optim.AdamW(head.parameters(), lr=RATE, weight_decay=DECAY)
    for step in range(1, steps + 1):
        for group in optimiser.param_groups:
            group["lr"] = RATE * min(1.0, step / WARM_UP, (steps - step + 1) / (COOLING_SHARE * steps))
        drawn = looked[int(rng.integers(len(looked)))]
        pixels = rng.choice(drawn.embedded.shape[2], PIXELS, replace=False)
        phrases, bias = head(*encoded(lexicon, drawn.captions, rng))
        embedded = torch.from_numpy(drawn.embedded[:, :, pixels].astype(np.float32))
        logits = torch.einsum("bdp,td->bpt", embedded, phrases) + bias
        targets, kinds = (torch.from_numpy(v[:, pixels].astype(np.int64)) for v in (drawn.targets, drawn.kinds))
        loss = loss_of(logits, targets, kinds)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return head
