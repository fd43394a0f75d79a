"""Leave a folder that serves the trained model anywhere: for PyTorch, for ONNX Runtime, and with a program of its own.

Run: python -m stages.export
"""

import contextlib
import io
import json
import logging
import shutil
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path

import numpy as np
import onnx
import onnx_ir
import pandas as pd
import torch
from datasets import Dataset
from huggingface_hub import EvalResult, ModelCard, ModelCardData
from onnx_ir.passes.common import ClearMetadataAndDocStringPass
from onnxruntime.quantization import QuantType, quantize_dynamic
from peft import PeftModel
from ruamel.yaml import YAML
from safetensors.numpy import load_file
from scipy.stats import binomtest, bootstrap
from transformers import AutoModelForSequenceClassification, PreTrainedModel, pipeline
from transformers.exporters import OnnxConfig, OnnxExporter
from transformers.exporters.onnxruntime_fusions import fuse_for_onnxruntime
from transformers.utils import logging as transformers_logging

import predict
from predict.classifier import FORMAT, MODELS, Classifier, file_sha256
from stages.common.attention import replace_attention
from stages.common.errors import UserError, run_stage
from stages.common.model import (
    load_adapter,
    parity_rows,
    predict_logits,
    save_adapter,
)
from stages.common.outputs import whole_output, write_json
from stages.common.params import Params, load_params
from stages.common.paths import stage_paths
from stages.common.references import resolve_model
from stages.common.tokenizer import load_tokenizer, special_tokens
from stages.common.tokens import SPLITS, label_names, read_split, split_path
from stages.common.unread import skip_unread_positions

EXAMPLES = ("This movie was fantastic, I loved it!", "The movie was boring and too long.")
CARD_SCORES = ("accuracy", "precision", "recall", "f1", "f1_macro", "mcc", "roc_auc", "log_loss")
PACKAGES = ("onnx", "onnxruntime", "peft", "safetensors", "tokenizers", "torch", "transformers")
PROTOBUF_LIMIT = 2_000_000_000  # bytes that one ONNX file can hold, less some room; weights beyond go beside it
RESAMPLES = 2000
LABELS_NAMED = 20


def main() -> None:
    """Leave models/export: adapter, merged model, ONNX in float32 and int8, tokenizer, program, card and manifest.

    All forms give calibrated logits: those of the trained model divided by the temperature of `metrics/evaluate.json`.

    Raises:
        UserError: when a form of the model is not the trained one.
    """
    params = load_params()
    paths = stage_paths("export")
    transformers_logging.disable_progress_bar()
    base = resolve_model(params.model.base, "model.base")
    validation = read_split(paths["tokenized"], "validation")
    labels = label_names(validation)
    temperature = json.loads(paths["evaluate.json"].read_text())["temperature"]
    with whole_output(paths["export"]) as folder:
        save_torch(base, paths["adapter"], labels, temperature, folder, params)
        if params.export.onnx:
            save_onnx(folder)
            copy_program(folder / "predict")
        write_card(folder, params, labels, temperature, paths)
        write_manifest(folder, params, labels, temperature, base, paths)
        report = check_parity(base, folder, validation, paths, temperature, params)
    write_json(paths["export.json"], {**report, "megabytes": sizes(paths["export"])})


def save_torch(
    base: Path, adapter_dir: Path, labels: list[str], temperature: float, folder: Path, params: Params
) -> None:
    """Save the adapter with a calibrated head, and the base model with both merged into it, beside its tokenizer."""
    model = load_adapter(base, adapter_dir, labels, params.model.load_in_4bit)
    scale_logits(model, len(labels), 1 / temperature)
    save_adapter(model, folder / "adapter", params.model.base)
    model.merge_and_unload().save_pretrained(folder)
    load_tokenizer(base).save_pretrained(folder)
    config_path = folder / "tokenizer_config.json"
    config = json.loads(config_path.read_text(encoding="utf-8"))
    kept = {key: value for key, value in config.items() if key not in ("is_local", "local_files_only")}
    config_path.write_text(json.dumps(kept, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def scale_logits(model: PeftModel, num_labels: int, factor: float) -> None:
    """Multiply the logits by `factor`, in the weights of the trained layer that gives them."""
    layers = [
        module
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear) and module.out_features == num_labels and "modules_to_save" in name
    ]
    with torch.no_grad():
        for parameter in layers[-1].parameters():
            parameter.mul_(factor)


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
    skip_unread_positions(model)
    replace_attention(model, "product")
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


def copy_program(folder: Path) -> None:
    """Copy the package `predict`, which needs onnxruntime and tokenizers but not this repository."""
    folder.mkdir()
    for path in Path(predict.__path__[0]).glob("*.py"):
        shutil.copy(path, folder)


def write_manifest(
    folder: Path, params: Params, labels: list[str], temperature: float, base: Path, paths: dict[str, Path]
) -> None:
    """Write manifest.json: what predict needs to know, what the model came from, and the SHA-256 of every file."""
    before, after = special_tokens(tokenizer := load_tokenizer(base))
    tokenize = {"tokens_before": before, "tokens_after": after, "pad_token_id": tokenizer.pad_token_id}
    sections = {name: getattr(params, name).model_dump() for name in ("data", "model", "tokenize", "lora", "train")}
    manifest = {
        "format": FORMAT,
        "labels": labels,
        "temperature": temperature,
        "tokenize": {**params.tokenize.model_dump(), **tokenize},
        "versions": {name: version(name) for name in PACKAGES},
        "params": sections,
        "data": {
            **json.loads(paths["data.json"].read_text()),
            "tokenized_sha256": {split: file_sha256(split_path(paths["tokenized"], split)) for split in SPLITS},
        },
        "files": {
            str(path.relative_to(folder)): {"sha256": file_sha256(path), "bytes": path.stat().st_size}
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        },
    }
    text = json.dumps(manifest, indent=2, sort_keys=True, ensure_ascii=False)
    (folder / "manifest.json").write_text(text + "\n", encoding="utf-8")


def check_parity(
    base: Path, folder: Path, validation: Dataset, paths: dict[str, Path], temperature: float, params: Params
) -> dict[str, float]:
    """Compare each form of the model with the trained one, on validation texts from the shortest to the longest.

    Returns:
        How far each is from it: the largest difference of a logit in float32; for int8, on the whole split, the
        accuracy lost and the fraction of decisions that are others, with their 95 % intervals.

    Raises:
        UserError: when that is more than the params allow: a form is not the model that was evaluated.
    """
    labels, limits = label_names(validation), params.export
    rows = parity_rows(validation)
    trained = load_file(paths["adapter"] / "logits.safetensors")
    texts = pd.read_parquet(paths["prepared"] / "validation.parquet", columns=["text"])["text"]

    def reloaded() -> np.ndarray:
        model = load_adapter(base, folder / "adapter", labels, params.model.load_in_4bit)
        return predict_logits(model, rows, len(rows))

    def merged() -> np.ndarray:
        model = AutoModelForSequenceClassification.from_pretrained(folder, use_safetensors=True).eval()
        if list(model.config.id2label.values()) != labels:
            raise UserError(f"its labels are {list(model.config.id2label.values())}, and the data's are {labels}")
        return predict_logits(model, rows, len(rows))

    def onnx_fp32() -> np.ndarray:
        return Classifier(folder, "fp32").logits(rows["input_ids"])

    def onnx_int8() -> np.ndarray:
        classifier = Classifier(folder, "int8")
        encoded = classifier.encode(texts.tolist())
        if encoded != validation["input_ids"][:]:
            raise UserError("it does not cut texts into the tokens that the model was trained on")
        return classifier.logits(encoded)

    exact = {"reloaded": reloaded, "merged": merged, **({"onnx": onnx_fp32} if limits.onnx else {})}
    report: dict[str, float] = {"parity_rows": len(rows)}
    for form, logits_of in exact.items():
        difference = float(np.abs(run_form(form, logits_of) * temperature - trained["parity"]).max())
        if not difference <= limits.max_logit_difference:
            refuse(form, f"a logit differs by {difference:.2g}", "max_logit_difference", limits.max_logit_difference)
        report[f"{form}_logit_difference"] = difference
    if not limits.onnx:
        return report
    lost = compare_decisions(run_form("int8", onnx_int8), trained["validation"], np.asarray(validation["label"]))
    if lost["int8_accuracy_lost_ci95_low"] > limits.max_int8_accuracy_lost:
        found = f"it loses {lost['int8_accuracy_lost']:.2%} of accuracy"
        refuse("int8", found, "max_int8_accuracy_lost", limits.max_int8_accuracy_lost)
    return {**report, **lost}


def run_form(form: str, logits_of: Callable[[], np.ndarray]) -> np.ndarray:
    try:
        return logits_of()
    except Exception as error:  # each library has its own for a file that is not what it should be
        reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
        raise UserError(f"the {form} model of the export is unusable: {reason}") from error


def refuse(form: str, found: str, key: str, limit: float) -> None:
    raise UserError(f"the {form} model is not the trained one: {found}, and export.{key} allows {limit:g}")


def compare_decisions(logits: np.ndarray, reference: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Return what logits, float (n, classes), cost in accuracy against others, and how often they decide otherwise.

    The loss has a paired percentile bootstrap interval, the fraction Wilson's.
    """
    decided, expected = logits.argmax(axis=1), reference.argmax(axis=1)
    loss = (expected == truth).astype(float) - (decided == truth)
    interval = bootstrap((loss,), np.mean, n_resamples=RESAMPLES, batch=100, method="percentile", rng=0)
    flipped = int((decided != expected).sum())
    wilson = binomtest(flipped, len(truth)).proportion_ci(method="wilson")
    return {
        "int8_accuracy_lost": float(loss.mean()),
        "int8_accuracy_lost_ci95_low": float(interval.confidence_interval.low),
        "int8_accuracy_lost_ci95_high": float(interval.confidence_interval.high),
        "int8_decisions_flipped": flipped / len(truth),
        "int8_decisions_flipped_ci95_low": wilson.low,
        "int8_decisions_flipped_ci95_high": wilson.high,
    }


def sizes(folder: Path) -> dict[str, float]:
    """Return how large each form is, in megabytes."""
    files = {"adapter": "adapter/adapter_model.safetensors", "merged": "model.safetensors", **MODELS}
    return {form: (folder / name).stat().st_size / 1e6 for form, name in files.items() if (folder / name).exists()}


def write_card(folder: Path, params: Params, labels: list[str], temperature: float, paths: dict[str, Path]) -> None:
    """Write README.md: metadata for the Hub, the data, params and scores behind the model, its limits, examples."""
    scores = json.loads(paths["evaluate.json"].read_text())
    data = json.loads(paths["data.json"].read_text())
    classify = pipeline("text-classification", model=str(folder), device="cpu")
    examples = [(text, classify(text)[0]) for text in EXAMPLES]
    metadata = ModelCardData(
        library_name="transformers",
        pipeline_tag="text-classification",
        tags=["lora", "peft"],
        base_model=hub_name(params.model.base),
        model_name="LoRA text classifier",
        eval_results=[
            EvalResult("text-classification", "custom", "test split of this repository", name, scores[name])
            for name in CARD_SCORES
            if name in scores
        ],
    )
    card = ModelCard(
        f"---\n{metadata.to_yaml()}\n---\n\n{card_text(params, labels, temperature, scores, data, examples)}"
    )
    card.save(folder / "README.md")


def hub_name(reference: str) -> str | None:
    """Return the Hub name of a base model, if it is on the Hub: other names would be taken for one."""
    return reference.removeprefix("hub:").partition("@")[0] if reference.startswith("hub:") else None


def card_text(params: Params, labels: list[str], temperature: float, scores: dict, data: dict, examples: list) -> str:
    table = "\n".join(
        f"| {name} | {scores[name]} | {scores[f'{name}_ci95_low']} to {scores[f'{name}_ci95_high']} "
        f"| {scores['baseline'][name]} |"
        for name in CARD_SCORES
        if name in scores
    )
    used = {"data": params.data, "tokenize": params.tokenize, "lora": params.lora, "train": params.train}
    said = "\n".join(f"| {text} | {answer['label']} | {answer['score']:.2f} |" for text, answer in examples)
    named = ", ".join(labels[:LABELS_NAMED]) + (", …" if len(labels) > LABELS_NAMED else "")
    rows = data["rows"]
    return f"""# LoRA text classifier

Gives a text one of {len(labels)} labels: {named}. The base model is `{params.model.base}`;
LoRA adapters and the head were trained, the rest stayed frozen, and the adapters were then added to the weights. The
adapter by itself is in `adapter/`, for PEFT. The logits of all forms are calibrated: they are those of training divided
by a temperature of {temperature}, which was fitted on the validation split.

With `pip install onnxruntime tokenizers`, in this folder:

```console
python -m predict "a text"
python -m predict --input texts.csv --output labels.csv
```

Or with `transformers`:

```python
from transformers import pipeline

classify = pipeline("text-classification", model="FOLDER", truncation=True, max_length={params.tokenize.max_length})
```

## Data

`{params.data.source}`: {rows["train"]["all"]:,} texts to train, {rows["validation"]["all"]:,} to choose the best
evaluation, {rows["test"]["all"]:,} to test; duplicates, near ones too, were removed before the split.

## Scores on the test split

| score | this model | 95 % interval | TF-IDF and logistic regression, trained on the same texts |
| --- | --- | --- | --- |
{table}

## Examples

| text | label | probability |
| --- | --- | --- |
{said}

## Limits

- It knows texts like those it was trained on; on others the scores above say nothing.
- It reads {params.tokenize.max_length} tokens. `predict` cuts longer texts as in training,
  by `{params.tokenize.truncation}`; the pipeline above keeps their start.
- `predict` uses 8-bit weights unless told otherwise (`--precision fp32`): a few decisions differ.
- It always answers with one of its labels, also where none fits, and may repeat the bias of its base model and data.

## Params

```yaml
{as_yaml({name: section.model_dump() for name, section in used.items()})}```
"""


def as_yaml(content: dict) -> str:
    text = io.StringIO()
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.dump(content, text)
    return text.getvalue()


if __name__ == "__main__":
    run_stage(main)
