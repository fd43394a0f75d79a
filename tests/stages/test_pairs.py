"""Pairs of texts, through all stages and the exported program, on data whose label the second text decides."""

import json
from pathlib import Path
from random import Random

import numpy as np
import pandas as pd
import pytest
import torch
from exported import Runner
from hypothesis import given
from hypothesis import strategies as st
from rows_on_disk import stored, whole
from tiny import BAD, GOOD, PARAMS, WORDS, Clone, edit_params, made_once, make_clone, save_base_model, save_tokenizer
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from predict.classifier import Classifier
from predict.tokens import fair_rooms
from scoring.judges import decisions
from stages.common.errors import UserError
from stages.common.params import load_params
from stages.common.tokenizer import TextEncoder, load_tokenizer, pair_tokens
from stages.evaluate.baseline import linear_baseline
from stages.evaluate.inputs import read_rows
from stages.export.merged import part_texts, parts_as_trained
from stages.prepare_data.columns import GIVEN, TIME
from stages.prepare_data.duplicates import drop_unusable
from stages.prepare_data.texts import row_id
from stages.prepare_data.write_tables import list_dropped


def labelled_pairs(count: int) -> pd.DataFrame:
    """Return pairs with one telling word in the question, at random, and four in the answer, which decide."""
    random = Random(0)
    rows = []
    for number in range(count):
        label = number % 2
        question = [random.choice(GOOD + BAD), *random.sample(WORDS, 4)]
        answer = [random.choice(GOOD if label else BAD) for _ in range(4)] + random.sample(WORDS, 4)
        for words in (question, answer):
            words += [str(random.randrange(2000)) for _ in range(6)]
            random.shuffle(words)
        rows.append((" ".join(question), " ".join(answer), label))
    return pd.DataFrame(rows, columns=["question", "answer", "label"])


@pytest.fixture(scope="session")
def paired(shared: Path) -> Clone:
    """A clone in which the pipeline has run on pairs; the tokenizer of its base gives segments, as BERT's own does."""

    def run_pipeline(folder: Path) -> None:
        base = save_base_model(shared / "paired_base")
        path = base / "tokenizer_config.json"
        inputs = {"model_input_names": ["input_ids", "token_type_ids", "attention_mask"]}
        path.write_text(json.dumps(json.loads(path.read_text()) | inputs))
        clone = make_clone(folder, base)
        labelled_pairs(280).to_csv(folder / "data/raw/pairs.csv", index=False)
        columns = {"data.text_column": "question", "data.text_pair_column": "answer"}
        edit_params(folder, **{"data.source": "data/raw/pairs.csv", "tokenize.max_length": 40}, **columns)
        clone.run("dvc", "repro")

    return Clone(made_once(shared / "paired", run_pipeline))


def test_the_second_text_is_learned_from(paired: Clone) -> None:
    scores = json.loads(paired.read("metrics/evaluate.json"))
    rows = read_rows(paired.folder / "data/prepared", paired.folder / "data/tokenized")
    alone = {split: part.drop(columns="text_pair") for split, part in rows.splits.items()}
    first = linear_baseline(alone, rows.truths, np.ones(2), seed=0)
    assert (decisions(first.answers) == rows.truth).mean() < 0.65, "the first text must tell nothing"
    assert scores["accuracy"] > 0.9
    assert scores["baseline"]["accuracy"] > 0.9
    assert "behaviour" not in scores
    assert "text_pair" in pd.read_csv(paired.folder / "data/evaluation/confident_mistakes.csv")


def test_the_exported_program_gives_the_trained_models_answers(paired: Clone, environment: dict[str, str]) -> None:
    exported = paired.folder / "models/export"
    test = pd.read_parquet(paired.folder / "data/prepared/test.parquet")
    texts = [test["text"].tolist(), test["text_pair"].tolist()]
    batch = AutoTokenizer.from_pretrained(exported)(*texts, padding=True, return_tensors="pt")
    model = AutoModelForSequenceClassification.from_pretrained(exported).eval()
    with torch.inference_mode():
        expected = model(**batch).logits.softmax(1).numpy()
        without = model(**{**batch, "token_type_ids": torch.zeros_like(batch["input_ids"])}).logits.softmax(1).numpy()
    found = Classifier(exported, "fp32").probabilities(*texts)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert np.abs(without - expected).max() > 1e-4, "the model must tell the segments apart, for this to test anything"

    (exported / "in.csv").write_text(
        test.rename(columns={"text": "q", "text_pair": "a"})[["q", "a"]].to_csv(index=False)
    )
    program = Runner(exported, environment)
    columns = ("--text-column", "q", "--text-pair-column", "a", "--precision", "fp32")
    program("--input", "in.csv", "--output", "out.csv", *columns)
    np.testing.assert_allclose(pd.read_csv(exported / "out.csv")["predicted_probability"], expected.max(1), atol=1e-5)
    (exported / "out.csv").unlink()
    output, _ = program(texts[0][0], "--pair", texts[1][0], "--json", "--precision", "fp32")
    assert json.loads(output)["text_pair"] == texts[1][0]
    assert json.loads(output)["predicted_probability"] == pytest.approx(expected[0].max(), abs=1e-5)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["a good film"], "error: the model takes pairs of texts: give the second one by --pair"),
        (["--input", "in.csv"], "error: the model takes pairs of texts: give the second one by --text-pair-column"),
        (
            ["--input", "in.txt", "--text-pair-column", "a"],
            "error: txt holds no pairs: give them as csv, tsv, jsonl or parquet (--input-format)",
        ),
        (["--input", "in.csv", "--text-pair-column", "b"], "error: in.csv has no column b; it has text, a. Say"),
    ],
)
def test_a_missing_second_text_is_said(
    paired: Clone, environment: dict[str, str], tmp_path: Path, arguments: list[str], line: str
) -> None:
    (tmp_path / "in.csv").write_text("text,a\ngood,bad\n")
    (tmp_path / "in.txt").write_text("good\n")
    program = Runner(tmp_path, {**environment, "PYTHONPATH": f"{environment['PYTHONPATH']}:{paired.folder}"})
    _, errors = program("--model", paired.folder / "models/export", *arguments, status=1)
    assert errors.startswith(line)


def test_start_is_told_the_second_texts(tmp_path: Path, base_model: Path) -> None:
    clone = make_clone(tmp_path / "clone", base_model)
    labelled_pairs(280).to_csv(clone.folder / "data/raw/pairs.csv", index=False)
    said = clone.run("python", "-m", "start", "data/raw/pairs.csv", "--text-pair-column", "answer")
    assert {"  text_column: question", "  text_pair_column: answer"} <= set(said.splitlines())
    assert "half of the texts have up to 28 tokens" in said, "of both, with the special ones"


@given(st.integers(0, 50), st.integers(0, 50), st.integers(2, 40))
def test_a_pair_is_cut_fairly(first: int, second: int, room: int) -> None:
    """None loses a token while the other has more left, and no room is wasted."""
    kept = [
        min(length, given) for length, given in zip((first, second), fair_rooms([first, second], room), strict=True)
    ]
    assert sum(kept) == min(room, first + second)
    for own, other, length in ((kept[0], kept[1], first), (kept[1], kept[0], second)):
        assert own == length or own + 1 >= other


def test_tokens_stand_where_the_tokenizer_puts_them_or_a_separator_parts_the_texts(tmp_path: Path) -> None:
    save_tokenizer(tmp_path / "encoder")
    save_tokenizer(tmp_path / "decoder", decoder=True)
    encoder, decoder = load_tokenizer(tmp_path / "encoder"), load_tokenizer(tmp_path / "decoder")
    cls, sep = encoder.cls_token_id, encoder.sep_token_id
    assert pair_tokens(encoder) == ([cls], [sep], [sep], [0, 0, 0, 1, 1])
    assert pair_tokens(decoder) == ([], [decoder.sep_token_id], [], [0, 0, 0, 1, 1])
    decoder.sep_token = None
    with pytest.raises(UserError, match="neither a separator nor an end token"):
        pair_tokens(decoder)


def test_the_exported_tokenizer_of_a_decoder_parts_texts_as_training_did(tmp_path: Path) -> None:
    base = save_base_model(tmp_path / "base", "qwen2")
    encoder = TextEncoder(base, load_params(PARAMS).tokenize, pairs=True)
    assert not parts_as_trained(encoder.tokenizer, encoder)
    part_texts(encoder.tokenizer, encoder.layout)
    encoder.tokenizer.save_pretrained(base)
    exported = load_tokenizer(base)
    assert parts_as_trained(exported, encoder)
    assert exported("good film")["input_ids"] == encoder.tokenizer("good film", add_special_tokens=False)["input_ids"]


def test_copies_are_copies_in_both_texts(tmp_path: Path) -> None:
    premise = "the film has a plot that the actor and the camera tell in a scene"
    edited = premise.replace("the film", "this film")
    rows = [
        (premise, "it is good", "yes"),
        (premise, "it is bad", "no"),  # one premise of many pairs is no copy
        (premise.upper(), "it is good!", "yes"),  # an exact one
        (edited, "it is bad", "no"),  # a near one
        (premise, "", "no"),
        ("", "it is fine", "no"),
    ]
    table = pd.DataFrame(rows, columns=["text", "text_pair", "label"]).assign(origin="", group="")
    found, store = stored(table.assign(**{GIVEN: "", TIME: None}), tmp_path)
    params = load_params(PARAMS).data.model_copy(update={"text_pair_column": "text_pair"})
    kept, dropped = drop_unusable(found, params, store)
    assert whole(kept, store)["text_pair"].tolist() == ["it is good", "it is bad"]
    assert {reason: count for reason, count in dropped.items() if count} == {
        "empty": 2,
        "exact_duplicate": 1,
        "near_duplicate": 1,
    }
    list_dropped(tmp_path / "dropped.csv", store)
    listed = pd.read_csv(tmp_path / "dropped.csv", keep_default_na=False)
    assert listed["text_pair"].tolist() == ["", "it is fine", "it is good!", "it is bad"]


def test_a_pair_has_an_identity_of_its_own() -> None:
    assert len({row_id("a"), row_id("a", "b"), row_id("a", "c"), row_id("b", "a"), row_id("ab")}) == 5
