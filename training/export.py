"""Write a trained model: weights in half precision, the table of words in eight bits, what queries are judged against."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from deepscan_core.features.words.lexicon import Lexicon
from deepscan_core.features.words.network import Decoder, PhraseHeads
from deepscan_core.simulation.corpus.captions import vocabulary
from deepscan_core.simulation.corpus.nouns import NOUNS
from training.wording import encoded


def write_model(path: Path, decoder: Decoder, side: PhraseHeads, lexicon: Lexicon) -> None:
    """One file that holds all that the search needs."""
    tensors: dict[str, torch.Tensor] = {}
    for prefix, module in (("decoder.", decoder), ("side.", side)):
        for name, value in module.state_dict().items():
            if not name.endswith("num_batches_tracked"):
                tensors[prefix + name] = value.detach().half().contiguous()
    tensors["table"] = torch.from_numpy(lexicon.vectors.copy())
    for name, words in (("words", lexicon.words), ("known", lexicon.known)):
        tensors[name] = torch.from_numpy(np.frombuffer(" ".join(words).encode("ascii"), np.uint8).copy())
    weights, biases = [], []
    with torch.inference_mode():
        for nouns in NOUNS.values():
            weight, bias = side(*encoded(lexicon, nouns))
            weights.append(weight.mean(0))
            biases.append(bias.mean())
    tensors["bank.weights"], tensors["bank.biases"] = torch.stack(weights), torch.stack(biases)
    path.parent.mkdir(parents=True, exist_ok=True)
    facts = {"kinds": json.dumps(list(NOUNS)), "vocabulary": " ".join(vocabulary())}
    save_file(tensors, path, metadata=facts)
    parameters = sum(p.numel() for p in decoder.parameters())
    print(f"wrote {path}: {path.stat().st_size / 1e6:.2f} MB, {parameters} parameters in the decoder")
