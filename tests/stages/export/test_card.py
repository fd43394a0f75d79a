"""The model card says what the model is, whatever its labels and params are called."""

import json
import re
from pathlib import Path

import pandas as pd
import pytest
from huggingface_hub import ModelCard
from tiny import Clone

from scoring.calibrated import Calibrated
from stages.common.params import Params, load_params
from stages.export.card import as_yaml, card_text, used_params
from stages.export.markdown import code_block, code_span, escape

LABELS = ["a | b", "<script>alert(1)</script>", "[x](http://example.com)\n# title", "`code`", "=1+1"]


@pytest.fixture(scope="module")
def params() -> Params:
    return load_params(Path(__file__).parents[2] / "params.yaml")


def scores() -> dict:
    each = {"accuracy": 0.9, "accuracy_ci95_low": 0.8, "accuracy_ci95_high": 1.0}
    return {**each, "baseline": {"accuracy": 0.5}}


def write_text(params: Params, has_program: bool = True) -> str:
    rows = {split: {"all": 1} for split in ("train", "validation", "test")}
    examples = [{"text": "a|b\n`c`", "label": label, "given": LABELS[0], "probability": 0.5} for label in LABELS]
    return card_text(params, LABELS, Calibrated(1.5, None), scores(), {"rows": rows}, examples, has_program)


def test_no_label_is_taken_for_markup(params: Params) -> None:
    text = write_text(params)
    assert "\n# title" not in text
    assert "<script>" not in text.replace("\\<script", "")
    table = text.partition("## Examples")[2].partition("##")[0].split("\n| --- |")[1].strip().splitlines()[1:]
    assert len(table) == len(LABELS)
    for row in table:
        assert len(re.findall(r"(?<!\\)\|", row)) == 5, "a cell more or less would shift the columns"


def test_no_param_ends_the_block_it_stands_in(params: Params) -> None:
    data = params.data.model_copy(update={"text_column": "```\n# title", "source": "a`b``c"})
    changed = params.model_copy(update={"data": data})
    text = write_text(changed)
    assert "```` yaml" in text or "````yaml" in text
    assert text.rstrip().endswith("````")
    assert "```a`b``c```" in text
    assert as_yaml(used_params(changed)) in text


def test_escapes() -> None:
    assert escape("a*b_c|d\n<e>") == r"a\*b\_c\|d \<e\>"
    assert code_span("plain") == "`plain`"
    assert code_span("`x`") == "`` `x` ``"
    assert code_block("```\n", "yaml") == "````yaml\n```\n````"


def test_without_onnx_no_program_is_promised(params: Params) -> None:
    assert "python -m predict" in write_text(params)
    assert "python -m predict" not in write_text(params, has_program=False)


def test_the_card_of_an_export(reproduced: Clone) -> None:
    """Its examples are rows of the test split, with the answers that the model gives them."""
    card = ModelCard.load(reproduced.folder / "models/export/README.md")
    test = pd.read_parquet(reproduced.folder / "data/prepared/test.parquet")
    examples = card.text.partition("## Examples")[2].partition("\n## ")[0].strip().splitlines()[4:]
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in examples]
    assert [label for _, label, _, _ in cells] == ["negative", "positive"]
    for text, label, given, probability in cells:
        assert text in set(test.loc[test["label"] == label, "text"])
        assert given in ("negative", "positive")
        assert 0.5 <= float(probability) <= 1
    accuracy = json.loads(reproduced.read("metrics/evaluate.json"))["accuracy"]
    assert card.data.eval_results[0].metric_value == accuracy
