"""Write the model card."""

import io
import json
from pathlib import Path

from huggingface_hub import EvalResult, ModelCard, ModelCardData
from ruamel.yaml import YAML

from scoring.calibrated import Calibrated
from stages.common.decisive import decisive
from stages.common.params import Params, TokenizeParams
from stages.common.text_columns import text_columns
from stages.export.examples import classify_examples
from stages.export.markdown import code_block, code_span, escape

CARD_SCORES = ("accuracy", "precision", "recall", "f1", "f1_macro", "mcc", "roc_auc", "log_loss")
LABELS_NAMED = 20


def write_card(folder: Path, params: Params, labels: list[str], calibrated: Calibrated, paths: dict[str, Path]) -> None:
    """Write README.md: metadata for the Hub, the data, params and scores behind the model, its limits, examples."""
    scores = json.loads(paths["evaluate.json"].read_text(encoding="utf-8"))
    data = json.loads(paths["data.json"].read_text(encoding="utf-8"))
    examples = classify_examples(folder, paths["prepared"], labels, calibrated.thresholds, params.tokenize.max_length)
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
    text = card_text(params, labels, calibrated, scores, data, examples, has_program=(folder / "predict").is_dir())
    card = ModelCard(f"---\n{metadata.to_yaml()}\n---\n\n{text}")
    card.save(folder / "README.md")


def hub_name(reference: str) -> str | None:
    """Return the Hub name of a base model, if it is on the Hub: other names would be taken for one."""
    return reference.removeprefix("hub:").partition("@")[0] if reference.startswith("hub:") else None


PROGRAM = """With `pip install onnxruntime tokenizers`, in this folder:

```console
python -m predict "a text"{pair}
python -m predict --input texts.csv{pair_column} --output labels.csv
python -m predict --input labelled.csv{pair_column} --label-column label
```

It checks the manifest and the files that it loads against their SHA-256 each time, and cuts texts as in training. It
uses 8-bit weights unless told otherwise (`--precision fp32`): a few decisions differ.

Or with"""


CARD = """# LoRA text classifier

Gives a {row} {answer} {num_labels} labels: {named}. The base model is {base};
LoRA adapters and the head were trained, the rest stayed frozen, and the adapters were then added to the weights. The
logits of all forms are calibrated: they are those of training divided by a temperature of {temperature}, which was
fitted on the validation split.

{program} `transformers`:

```python
from transformers import pipeline

classify = pipeline("text-classification", model="FOLDER", truncation=True, max_length={max_length}{top_k})
classify({call})
```
{several}
The adapter by itself is in `adapter/`. {adapter}

## Data

{sources}: {train:,} texts to train, {validation:,} to choose the best
evaluation, {test:,} to test; duplicates, near ones too, were removed before the split.

## Scores on the test split

{scores}

## Examples

The shortest text of each label in the test split:

{examples}

## Limits

- It knows texts like those it was trained on; on others the scores above say nothing.
- {reads}
- It {limit}, and may repeat the bias of its base model and data.

## Params

{params}
"""


def card_text(
    params: Params,
    labels: list[str],
    calibrated: Calibrated,
    scores: dict,
    data: dict,
    examples: list,
    has_program: bool,
) -> str:
    single = params.data.text_pair_column is None
    pair, column = ("", "") if single else (' --pair "the second text"', " --text-pair-column text_pair")
    named = ", ".join(map(escape, labels[:LABELS_NAMED])) + (", …" if len(labels) > LABELS_NAMED else "")
    source = params.data.source
    return CARD.format(
        num_labels=len(labels),
        named=named,
        base=code_span(params.model.base),
        **answer_text(labels, calibrated),
        temperature=calibrated.temperature,
        row="text" if single else "pair of texts",
        program=PROGRAM.format(pair=pair, pair_column=column) if has_program else "With",
        call='["a text"]' if single else '{"text": "a text", "text_pair": "the second text"}',
        max_length=params.tokenize.max_length,
        adapter=adapter_text(params.model.base, len(labels)),
        sources=", ".join(map(code_span, map(str, source if isinstance(source, list) else [source]))),
        **{split: counts["all"] for split, counts in data["rows"].items()},
        scores=score_table(scores),
        examples=example_table(examples),
        reads=limit_text(params.tokenize),
        params=code_block(as_yaml(used_params(params)), "yaml"),
    )


def limit_text(params: TokenizeParams) -> str:
    """Say how much of a text is read."""
    if params.long_texts == "truncate":
        return (
            f"It reads {params.max_length} tokens. Of longer texts training kept the {code_span(params.truncation)};\n"
            "  the pipeline above keeps the start."
        )
    return (
        f"It reads {params.max_length} tokens at once. A longer text is read in up to {params.max_windows} windows,\n"
        f"  whose logits become one answer by `{params.window_pooling}`. `python -m predict` does so; the pipeline\n"
        "  above reads the start alone."
    )


def answer_text(labels: list[str], calibrated: Calibrated) -> dict[str, str]:
    """Return what the card says of one label a text, or of any number."""
    if calibrated.thresholds is None:
        limit = "always answers with one of its labels, also where none fits"
        return {"answer": "one of", "top_k": "", "several": "", "limit": limit}
    named = zip(map(escape, labels), calibrated.thresholds.tolist(), strict=True)
    several = (
        "\nIt gives the probability of each label. A text has those that reach the label's threshold, which was fitted "
        f"on the validation split: {', '.join(f'{label} {least}' for label, least in named)}.\n"
    )
    limit = "knows no labels but these"
    return {"answer": "any number of", "top_k": ", top_k=None", "several": several, "limit": limit}


def adapter_text(base: str, num_labels: int) -> str:
    """Say how PEFT loads the adapter: it finds the base model by itself unless that is inside a Python package."""
    if not base.startswith("package:"):
        where = "" if base.startswith("hub:") else f", where {code_span(base)} leads to the base model"
        return (
            f'`AutoPeftModelForSequenceClassification.from_pretrained("FOLDER/adapter", num_labels={num_labels})` of '
            f"PEFT loads it with the base model{where}."
        )
    package, _, path = base.removeprefix("package:").partition("/")
    return (
        "PEFT puts it on the base model: `PeftModel.from_pretrained(AutoModelForSequenceClassification.from_pretrained("
        f'BASE, num_labels={num_labels}), "FOLDER/adapter")`, where BASE is '
        f'`importlib.resources.files("{package}") / "{path}"` of the Python package {escape(package)}.'
    )


def score_table(scores: dict) -> str:
    rows = [
        f"| {name} | {scores[name]} | {scores[f'{name}_ci95_low']} to {scores[f'{name}_ci95_high']} "
        f"| {scores['baseline'][name]} |"
        for name in CARD_SCORES
        if name in scores
    ]
    head = "| score | this model | 95 % interval | TF-IDF and logistic regression, trained on the same texts |"
    return "\n".join([head, "| --- | --- | --- | --- |", *rows])


def example_table(examples: list[dict]) -> str:
    names = [*text_columns(examples[0]), "label", "given"]
    rows = [
        f"| {' | '.join(escape(example[name]) for name in names)} | {example['probability']:.2f} |"
        for example in examples
    ]
    head = " | ".join([*names[:-1], "the model says", "probability"])
    return "\n".join([f"| {head} |", f"|{' --- |' * (len(names) + 1)}", *rows])


def used_params(params: Params) -> dict:
    used = {"data": params.data, "tokenize": params.tokenize, "lora": params.lora, "train": params.train}
    return {name: decisive(section) for name, section in used.items()}


def as_yaml(content: dict) -> str:
    text = io.StringIO()
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.dump(content, text)
    return text.getvalue()
