"""Write the merged model as ONNX graphs: float32, and int8."""

import contextlib
import io
import logging
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import onnx
import onnx_ir
import torch
from datasets import Dataset
from onnx_ir.passes.common import ClearMetadataAndDocStringPass
from transformers import AutoModelForSequenceClassification, PreTrainedModel
from transformers.exporters import OnnxConfig, OnnxExporter
from transformers.exporters.onnxruntime_fusions import fuse_for_onnxruntime

from predict.classifier import MODELS, start_session
from stages.common.attention import use_products
from stages.common.first_position import skip_unread_positions
from stages.common.inference import parity_rows, window_batches
from stages.common.model import keep_logits
from stages.common.padding import padding_changes_logits
from stages.common.probe import LENGTHS, note, probe_batch, probe_logits, reason, text_config, why_different
from stages.common.splits import row_windows
from stages.export.int8 import save_int8

BATCH_ROWS = 8  # texts of near-equal length whose activations share a scale in int8
LONG = (150, 9)  # tokens of a probe's rows: Qwen 3.5's graph, traced on short ones, fails beyond its chunks of 64
PROTOBUF_LIMIT = 2_000_000_000  # bytes that one ONNX file can hold, less some room; weights beyond go beside it


@dataclass(frozen=True)
class Graphs:
    """How the ONNX graphs are to be run."""

    problem: str | None = None  # why there are none
    equal_lengths: bool = False  # in batches of one length, without padding, on which the logits depend


def save_onnx(folder: Path, validation: Dataset) -> Graphs:
    """Write onnx/model.onnx, float32 and fused for CPUs, and onnx/model_int8.onnx, which holds on validation texts.

    Batch and length are free; token_type_ids are an input where the texts have them. Where ONNX Runtime does not give
    PyTorch's logits on a probe, the fused graph gives way to the plain one, and that to none, which is said.
    """
    fp32, segments = folder / MODELS["fp32"], "token_type_ids" in validation.column_names
    fp32.parent.mkdir()
    model = AutoModelForSequenceClassification.from_pretrained(folder, use_safetensors=True).eval()
    external = sum(weight.nbytes for weight in model.parameters()) > PROTOBUF_LIMIT
    model.register_forward_hook(keep_logits)
    equal_lengths = padding_changes_logits(model)
    if not equal_lengths:
        skip_unread_positions(model)
    use_products(model)
    try:
        with quiet_export():
            program = trace(model, segments)
            ClearMetadataAndDocStringPass()(program)  # it names files of this machine
            save_graph(program, fp32, external)  # not fused yet: in int8, packed products take no bias
            problem = why_wrong(fp32, model, segments, equal_lengths)
            if not problem:
                texts = row_windows(parity_rows(validation)[:])
                size, pad = 1 if equal_lengths else BATCH_ROWS, text_config(model.config).pad_token_id
                save_int8(fp32, folder / MODELS["int8"], external, [*window_batches(texts, size, pad)])
    except Exception as error:  # of PyTorch, onnxscript or ONNX Runtime, for what an architecture does
        problem = reason(error)
    if problem:
        shutil.rmtree(fp32.parent)
        note(f"no ONNX form of {type(model).__name__}, the export has PyTorch's alone: {problem}")
        return Graphs(problem)
    fuse(program, fp32, model, external, segments, equal_lengths)
    return Graphs(equal_lengths=equal_lengths)


def fuse(
    program: onnx_ir.Model, fp32: Path, model: PreTrainedModel, external: bool, segments: bool, equal_lengths: bool
) -> None:
    """Fuse a graph for CPUs; one that then fails or differs stays as it was, which is said."""
    with tempfile.TemporaryDirectory(dir=fp32.parent.parent) as kept:
        plain = [shutil.copy(path, kept) for path in fp32.parent.glob(f"{fp32.name}*")]
        try:
            with quiet_export():
                fuse_for_onnxruntime(program, "cpu")
                save_graph(program, fp32, external)
            problem = why_wrong(fp32, model, segments, equal_lengths)
        except Exception as error:  # of onnxscript, for what an architecture does
            problem = reason(error)
        if problem:
            note(f"the ONNX graph in float32 stays unfused, and slower: {problem}")
            for path in plain:
                shutil.copy(path, fp32.parent)


def why_wrong(path: Path, model: PreTrainedModel, segments: bool, equal_lengths: bool) -> str | None:
    """Return why a graph does not give the model's logits on padded texts, or on single ones; None when it does."""
    session = start_session(path, None)
    batches = [probe_inputs(model, segments, lengths) for lengths in (LENGTHS, LONG)]
    if equal_lengths:
        batches = [
            {name: ids[row : row + 1, : mask.sum()] for name, ids in batch.items()}
            for batch in batches
            for row, mask in enumerate(batch["attention_mask"])
        ]
    for inputs in batches:
        taken = {value.name for value in session.get_inputs()}
        (found,) = session.run(["logits"], {name: ids.numpy() for name, ids in inputs.items() if name in taken})
        if problem := why_different(torch.from_numpy(found), probe_logits(model, inputs)):
            return problem
    return None


def probe_inputs(model: PreTrainedModel, segments: bool, lengths: Sequence[int] = LENGTHS) -> dict[str, torch.Tensor]:
    """Return a probe's batch; with `segments`, the second half of its rows is in the second one."""
    batch = probe_batch(model, lengths)
    if segments:
        second = torch.arange(max(lengths)) >= max(lengths) // 2
        batch["token_type_ids"] = batch["attention_mask"] * second[: batch["input_ids"].shape[1]]
    return batch


def trace(model: PreTrainedModel, segments: bool) -> onnx_ir.Model:
    inputs = probe_inputs(model, segments, (8, 6))
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
