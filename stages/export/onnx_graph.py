"""Write the merged model as ONNX graphs: float32, and int8."""

import contextlib
import io
import logging
from collections.abc import Iterator
from pathlib import Path

import onnx
import onnx_ir
import torch
from onnx_ir.passes.common import ClearMetadataAndDocStringPass
from onnxruntime.quantization import QuantType, quantize_dynamic
from transformers import AutoModelForSequenceClassification, PreTrainedModel
from transformers.exporters import OnnxConfig, OnnxExporter
from transformers.exporters.onnxruntime_fusions import fuse_for_onnxruntime

from predict.classifier import MODELS
from stages.common.attention import use_products
from stages.common.first_position import skip_unread_positions
from stages.common.model import keep_logits

PROTOBUF_LIMIT = 2_000_000_000  # bytes that one ONNX file can hold, less some room; weights beyond go beside it


def save_onnx(folder: Path) -> None:
    """Write onnx/model.onnx, float32 and fused for CPUs, and onnx/model_int8.onnx: weights int8, activations quantized
    as they come.

    Batch and length are free. Weights have 7 bits of the 8: processors without VNNI add products of 8 bits up in 16,
    which overflow.
    """
    fp32, int8 = folder / MODELS["fp32"], folder / MODELS["int8"]
    fp32.parent.mkdir()
    model = AutoModelForSequenceClassification.from_pretrained(folder, use_safetensors=True).eval()
    external = sum(weight.nbytes for weight in model.parameters()) > PROTOBUF_LIMIT
    model.register_forward_hook(keep_logits)
    skip_unread_positions(model)
    use_products(model)
    with quiet_export():
        program = trace(model)
        ClearMetadataAndDocStringPass()(program)  # it names files of this machine
        save_graph(program, fp32, external)  # not fused yet: in int8, packed products take no bias
        quantize_dynamic(
            fp32,
            int8,
            weight_type=QuantType.QInt8,
            per_channel=True,
            reduce_range=True,
            use_external_data_format=external,
            extra_options={"MatMulConstBOnly": True, "DefaultTensorType": onnx.TensorProto.FLOAT},
        )
        fuse_for_onnxruntime(program, "cpu")
        save_graph(program, fp32, external)


def trace(model: PreTrainedModel) -> onnx_ir.Model:
    ids = torch.arange(5, 21).view(2, 8)
    inputs = {"input_ids": ids, "attention_mask": (ids % 8 < 6).long()}
    free = {0: torch.export.Dim.DYNAMIC, 1: torch.export.Dim.DYNAMIC}
    config = OnnxConfig(dynamic=True, dynamic_shapes=dict.fromkeys(inputs, free))
    return OnnxExporter().export(model, inputs, config=config).program


@contextlib.contextmanager
def quiet_export() -> Iterator[None]:
    """Keep the notes of the ONNX libraries off the screen: what they made is checked here instead."""
    disabled = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        logging.disable(disabled)


def save_graph(program: onnx_ir.Model, path: Path, external: bool) -> None:
    """Write a graph, its weights beside it if `external`: with names for the free axes of the inputs, without the
    shapes noted inside, of which fusing leaves some wrong, and with the sums taken out of the layer norms again."""
    onnx_ir.save(program, path, external_data=f"{path.name}.data" if external else None)
    model = onnx.load(path, load_external_data=False)
    del model.graph.value_info[:]
    for value in (*model.graph.input, *model.graph.output):
        axes = value.type.tensor_type.shape.dim
        axes[0].dim_param = "batch"
        if value.name != "logits":
            axes[1].dim_param = "length"
    nodes = [part for node in model.graph.node for part in split_normalization(node)]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    onnx.save(model, path)


def split_normalization(node: onnx.NodeProto) -> list[onnx.NodeProto]:
    """Return sums and a LayerNormalization in place of SkipLayerNormalization: on CPUs ONNX Runtime runs the two four
    times as fast as the one."""
    if node.op_type != "SkipLayerNormalization":
        return [node]
    states, skipped, weight, bias, *state_bias = node.input
    normalized, *_, summed = [*node.output, *[""] * 3][:4]
    summed = summed or f"{normalized}_summed"
    (epsilon,) = (attribute.f for attribute in node.attribute if attribute.name == "epsilon")
    sums = [onnx.helper.make_node("Add", [states, bias], [f"{normalized}_biased"]) for bias in state_bias]
    return [
        *sums,
        onnx.helper.make_node("Add", [sums[0].output[0] if sums else states, skipped], [summed]),
        onnx.helper.make_node("LayerNormalization", [summed, weight, bias], [normalized], axis=-1, epsilon=epsilon),
    ]
