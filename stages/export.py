"""Merge the adapter into the base model and leave a folder that runs without this repository.

Run: python -m stages.export
"""

import io
import json
import shutil
from pathlib import Path

import numpy as np
from datasets import Dataset
from huggingface_hub import EvalResult, ModelCard, ModelCardData
from ruamel.yaml import YAML
from safetensors.numpy import load_file
from transformers import AutoModelForSequenceClassification, pipeline

from stages.common.errors import UserError, run_stage
from stages.common.model import load_adapter, parity_rows, predict_logits
from stages.common.outputs import whole_output, write_json
from stages.common.params import ExportParams, Params, load_params
from stages.common.paths import stage_paths
from stages.common.references import resolve_model
from stages.common.tokenizer import load_tokenizer
from stages.common.tokens import label_names, read_split

EXAMPLES = ("This movie was fantastic, I loved it!", "The movie was boring and too long.")
CARD_SCORES = ("accuracy", "precision", "recall", "f1", "f1_macro", "mcc", "roc_auc", "log_loss")


def main() -> None:
    """Leave models/export: the merged model with its tokenizer and card, and the adapter in a folder of its own.

    Raises:
        UserError: when trained, reloaded and merged model do not agree.
    """
    params = load_params()
    paths = stage_paths("export")
    base = resolve_model(params.model.base, "model.base")
    validation = read_split(paths["tokenized"], "validation")
    labels = label_names(validation)
    with whole_output(paths["export"]) as folder:
        merge(base, paths["adapter"], labels, folder)
        report = check_parity(base, paths["adapter"], folder, parity_rows(validation), labels, params.export)
        write_card(folder, params, labels, paths)
    write_json(paths["export.json"], report)


def merge(base: Path, adapter_dir: Path, labels: list[str], folder: Path) -> None:
    """Save the base model with the adapter added to its weights, and its tokenizer; copy the adapter beside them."""
    merged = load_adapter(base, adapter_dir, labels).merge_and_unload()
    merged.save_pretrained(folder)
    load_tokenizer(base).save_pretrained(folder)
    config_path = folder / "tokenizer_config.json"
    config = json.loads(config_path.read_text(encoding="utf-8"))
    kept = {key: value for key, value in config.items() if key not in ("is_local", "local_files_only")}
    config_path.write_text(json.dumps(kept, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    shutil.copytree(adapter_dir, folder / "adapter", ignore=shutil.ignore_patterns("logits.safetensors"))


def check_parity(
    base: Path, adapter_dir: Path, folder: Path, rows: Dataset, labels: list[str], params: ExportParams
) -> dict[str, float]:
    """Return metrics/export.json: how far each form of the model is from the trained one, in logits.

    Raises:
        UserError: when that is more than `export.max_logit_difference`: a form is not the model that was evaluated.
    """
    trained = load_file(adapter_dir / "logits.safetensors")["parity"]
    forms = {
        "reloaded": load_adapter(base, adapter_dir, labels),
        "merged": AutoModelForSequenceClassification.from_pretrained(folder, use_safetensors=True).eval(),
    }
    report: dict[str, float] = {}
    for name, model in forms.items():
        difference = float(np.abs(predict_logits(model, rows, len(rows)) - trained).max())
        if not difference <= params.max_logit_difference:
            raise UserError(
                f"the {name} model is not the trained one: a logit differs by {difference:.2g}, and "
                f"export.max_logit_difference allows {params.max_logit_difference:g}. Run `dvc repro -f train-lora`."
            )
        report[f"{name}_logit_difference"] = difference
    return {**report, "parity_rows": len(rows), "model_megabytes": (folder / "model.safetensors").stat().st_size / 1e6}


def write_card(folder: Path, params: Params, labels: list[str], paths: dict[str, Path]) -> None:
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
        ],
    )
    card = ModelCard(f"---\n{metadata.to_yaml()}\n---\n\n{card_text(params, labels, scores, data, examples)}")
    card.save(folder / "README.md")


def hub_name(reference: str) -> str | None:
    """Return the Hub name of a base model, if it is on the Hub: other names would be taken for one."""
    return reference.removeprefix("hub:").partition("@")[0] if reference.startswith("hub:") else None


def card_text(params: Params, labels: list[str], scores: dict, data: dict, examples: list) -> str:
    table = "\n".join(f"| {name} | {scores[name]} | {scores['baseline'][name]} |" for name in CARD_SCORES)
    used = {"data": params.data, "tokenize": params.tokenize, "lora": params.lora, "train": params.train}
    said = "\n".join(f"| {text} | {answer['label']} | {answer['score']:.2f} |" for text, answer in examples)
    rows = data["rows"]
    return f"""# LoRA text classifier

Gives a text one of {len(labels)} labels: {", ".join(labels)}. The base model is `{params.model.base}`;
LoRA adapters and the head were trained, the rest stayed frozen, and the adapters were then added to the weights. The
adapter by itself is in `adapter/`, for PEFT.

```python
from transformers import pipeline

classify = pipeline("text-classification", model="FOLDER", truncation=True, max_length={params.tokenize.max_length})
```

## Data

`{params.data.source}`: {rows["train"]["all"]:,} texts to train, {rows["validation"]["all"]:,} to choose the best
evaluation, {rows["test"]["all"]:,} to test; duplicates, near ones too, were removed before the split.

## Scores on the test split

| score | this model | TF-IDF and logistic regression, trained on the same texts |
| --- | --- | --- |
{table}

## Examples

| text | label | probability |
| --- | --- | --- |
{said}

## Limits

- It knows texts like those it was trained on; on others the scores above say nothing.
- It reads {params.tokenize.max_length} tokens. In training, longer texts were cut by `{params.tokenize.truncation}`;
  the pipeline above keeps their start.
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
