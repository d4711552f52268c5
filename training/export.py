"""Write a trained model: weights in half precision, the table of words in eight bits, what queries are judged against."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from deepscan_core.features.words.lexicon import Lexicon
from deepscan_core.features.words.network import Decoder, PhraseHead
from deepscan_core.simulation.corpus.captions import vocabulary
from deepscan_core.simulation.corpus.nouns import NOUNS
from training.batches import encoded


def read_model(path: Path) -> tuple[Decoder, PhraseHead, Lexicon]:
    """Both sides and the table of a file that `write_model` wrote, to go on from."""
    with safe_open(path, framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    decoder, head = Decoder(), PhraseHead()
    for prefix, module in (("decoder.", decoder), ("head.", head)):
        kept = {name.removeprefix(prefix): t.float() for name, t in tensors.items() if name.startswith(prefix)}
        module.load_state_dict(module.state_dict() | kept)
    words, known = (tuple(bytes(tensors[name].numpy()).decode("ascii").split()) for name in ("words", "known"))
    return decoder, head, Lexicon(words=words, vectors=tensors["table"].numpy(), known=known)


def write_model(path: Path, decoder: Decoder, head: PhraseHead, lexicon: Lexicon) -> None:
    """One file that holds all that the search needs."""
    tensors: dict[str, torch.Tensor] = {}
    for prefix, module in (("decoder.", decoder), ("head.", head)):
        for name, value in module.state_dict().items():
            if not name.endswith("num_batches_tracked"):
                tensors[prefix + name] = value.detach().half().contiguous()
    tensors["table"] = torch.from_numpy(lexicon.vectors.copy())
    for name, words in (("words", lexicon.words), ("known", lexicon.known)):
        tensors[name] = torch.from_numpy(np.frombuffer(" ".join(words).encode("ascii"), np.uint8).copy())
    weights, biases = [], []
    with torch.inference_mode():
        for nouns in NOUNS.values():
            weight, bias = head(*encoded(lexicon, nouns))
            weights.append(weight.mean(0))
            biases.append(bias.mean())
    tensors["bank.weights"], tensors["bank.biases"] = torch.stack(weights), torch.stack(biases)
    path.parent.mkdir(parents=True, exist_ok=True)
    facts = {"kinds": json.dumps(list(NOUNS)), "vocabulary": " ".join(vocabulary())}
    save_file(tensors, path, metadata=facts)
    parameters = sum(p.numel() for p in decoder.parameters())
    print(f"wrote {path}: {path.stat().st_size / 1e6:.2f} MB, {parameters} parameters in the decoder")
