"""Quantize an ONNX graph to int8, all but the layers that have to stay in float32.

All that enters a layer is rounded by one scale, which the largest number sets. Where that is far from the others, as in
some models behind the activation function of the feed-forward layers, the others are lost, and with them the decisions.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic

from predict.classifier import softmax, start_session
from stages.common.probe import note

MAX_SHIFT = 0.025  # of the probabilities of validation texts, on average; beyond, layers stay in float32


def save_int8(plain: Path, int8: Path, external: bool, batches: Sequence[dict[str, torch.Tensor]]) -> None:
    """Write an unfused graph in int8; where that moves probabilities, without the layers that do so, which is said.

    Layers whose weights have one shape, those of one role in each block, go together: each such group is tried alone,
    and those that move most stay in float32, one more at a time, until the rest holds.

    Args:
        external: whether weights stand beside the file.
        batches: padded validation texts.
    """
    expected = probabilities(plain, batches)

    def shift(floats: Sequence[str]) -> float:
        quantize(plain, int8, external, floats)
        return float(np.abs(probabilities(int8, batches) - expected).max(axis=1).mean())

    whole = shift([])
    if whole <= MAX_SHIFT:
        return
    groups = layer_groups(plain)
    layers = [name for group in groups for name in group]
    moves = [shift([name for name in layers if name not in group]) for group in groups]
    floats: list[str] = []
    for place in np.argsort(moves)[:0:-1]:
        floats += groups[place]
        if (left := shift(floats)) <= MAX_SHIFT:
            break
    note(
        f"int8: {len(floats)} of {len(layers)} layers stay in float32: with all of them in int8 probabilities move by "
        f"{whole:.2f} on average, with these by {left:.2f}"
    )


def quantize(plain: Path, int8: Path, external: bool, floats: Sequence[str]) -> None:
    """Write a graph with weights in int8, but for the named layers, and activations quantized as they come.

    Weights have 7 bits of the 8: processors without VNNI add products of 8 bits up in 16, which overflow.
    """
    quantize_dynamic(
        plain,
        int8,
        weight_type=QuantType.QInt8,
        per_channel=True,
        reduce_range=True,
        nodes_to_exclude=list(floats),
        use_external_data_format=external,
        extra_options={"MatMulConstBOnly": True, "DefaultTensorType": onnx.TensorProto.FLOAT},
    )


def layer_groups(plain: Path) -> list[list[str]]:
    """Return the names of a graph's products with weights, those of one shape together."""
    graph = onnx.load(plain, load_external_data=False).graph
    shapes = {weights.name: tuple(weights.dims) for weights in graph.initializer}
    groups: dict[tuple[int, ...], list[str]] = {}
    for node in graph.node:
        if node.op_type == "MatMul" and node.input[1] in shapes:
            groups.setdefault(shapes[node.input[1]], []).append(node.name)
    return list(groups.values())


def probabilities(graph: Path, batches: Sequence[dict[str, torch.Tensor]]) -> np.ndarray:
    """Return the probabilities of all rows of the batches, float32 (n, classes)."""
    session = start_session(graph, None)
    taken = [value.name for value in session.get_inputs()]
    return softmax(
        np.concatenate([session.run(["logits"], {name: batch[name].numpy() for name in taken})[0] for batch in batches])
    )
