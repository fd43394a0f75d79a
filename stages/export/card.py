"""Write the model card."""

import io
import json
from pathlib import Path

from huggingface_hub import EvalResult, ModelCard, ModelCardData
from ruamel.yaml import YAML
from transformers import pipeline

from stages.common.decisive import decisive
from stages.common.params import Params

EXAMPLES = ("This movie was fantastic, I loved it!", "The movie was boring and too long.")
CARD_SCORES = ("accuracy", "precision", "recall", "f1", "f1_macro", "mcc", "roc_auc", "log_loss")
LABELS_NAMED = 20


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
{as_yaml({name: decisive(section) for name, section in used.items()})}```
"""


def as_yaml(content: dict) -> str:
    text = io.StringIO()
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.dump(content, text)
    return text.getvalue()
