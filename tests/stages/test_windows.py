"""Windows over long texts, through all stages and the exported program, on texts whose label stands where truncation
cuts."""

import json
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from exported import Runner
from hypothesis import given
from hypothesis import strategies as st
from tiny import BAD, GOOD, PARAMS, Clone, edit_params, made_once, make_clone, write_csv
from transformers import AutoModelForSequenceClassification

from predict.classifier import Classifier
from predict.tokens import Layout, lay_out, num_kept
from predict.windows import cut_windows, pool, reach
from stages.common.params import load_params
from stages.common.splits import read_split
from stages.evaluate.inputs import read_rows
from stages.train_lora.batches import LengthBatches
from stages.train_lora.trainer import pool_windows

WIDTH = 24  # tokenize.max_length
WINDOWS = {
    "tokenize.max_length": WIDTH,
    "tokenize.long_texts": "windows",
    "tokenize.max_windows": 4,
    "train.epochs": 10,
}


def long_texts(count: int) -> list[tuple[str, int]]:
    """Return texts of 10 to 80 words; in the long ones the telling words stand in the middle."""
    random = Random(0)
    rows = []
    for number in range(count):
        label = number // 2 % 2
        side = [str(random.randrange(2000)) for _ in range(random.choice([2, 12, 22, 32]))]
        middle = [random.choice(GOOD if label else BAD) for _ in range(8)]
        rows.append((" ".join([*side, *middle, *random.sample(side, len(side))]), label))
    return rows


@pytest.fixture(scope="session")
def windowed(shared: Path, base_model: Path) -> Clone:
    """A clone in which the pipeline has run on windows, with a stored prefix."""

    def run_pipeline(folder: Path) -> None:
        clone = make_clone(folder, base_model)
        write_csv(folder / "data/raw/tiny.csv", long_texts(280))
        edit_params(folder, **WINDOWS)
        clone.run("dvc", "repro")

    return Clone(made_once(shared / "windowed", run_pipeline))


def test_what_truncation_cuts_is_learned_from(windowed: Clone) -> None:
    scores, tokens = (json.loads(windowed.read(f"metrics/{name}.json")) for name in ("evaluate", "tokenize"))
    assert tokens["test"]["several_windows_fraction"] > 0.5
    assert tokens["test"]["truncated_fraction"] == 0
    assert scores["accuracy"] > 0.85
    rows = read_rows(windowed.folder / "data/prepared", windowed.folder / "data/tokenized")
    truncated = [text.split() for text in rows.test["text"]]
    kept = [words if len(words) <= WIDTH - 2 else [*words[:11], *words[-11:]] for words in truncated]
    telling = np.mean([bool(set(words) & {*GOOD, *BAD}) for words in kept])
    assert telling + (1 - telling) / 2 < 0.75 < scores["accuracy"], "no model of truncated texts could be as good"


def test_the_exported_program_gives_the_trained_models_answers(windowed: Clone, environment: dict[str, str]) -> None:
    exported = windowed.folder / "models/export"
    texts = pd.read_parquet(windowed.folder / "data/prepared/test.parquet")["text"].tolist()
    rows = read_split(windowed.folder / "data/tokenized", "test")
    model = AutoModelForSequenceClassification.from_pretrained(exported).eval()
    expected = []
    for ids, lengths in zip(rows["input_ids"], rows["windows"], strict=True):
        with torch.inference_mode():
            windows = [
                model(torch.tensor([window.tolist()])).logits for window in np.split(ids, np.cumsum(lengths)[:-1])
            ]
        expected.append(torch.cat(windows).mean(0).softmax(0).numpy())
    found = Classifier(exported, "fp32").probabilities(texts)
    np.testing.assert_allclose(found, expected, atol=1e-5)

    (exported / "in.csv").write_text(pd.DataFrame({"text": texts}).to_csv(index=False))
    Runner(exported, environment)("--input", "in.csv", "--output", "out.csv", "--precision", "fp32")
    predicted = pd.read_csv(exported / "out.csv")["predicted_probability"]
    (exported / "out.csv").unlink()
    np.testing.assert_allclose(predicted, np.max(expected, axis=1), atol=1e-5)
    assert "above reads the start alone" in (exported / "README.md").read_text()


@pytest.mark.nightly
def test_the_surest_window_answers_in_every_form(windowed: Clone, tmp_path: Path, base_model: Path) -> None:
    """Export compares reloaded, merged and ONNX with the trained model, text by text."""
    clone = make_clone(tmp_path / "surest", base_model)
    write_csv(clone.folder / "data/raw/tiny.csv", long_texts(280))
    edit_params(clone.folder, **WINDOWS, **{"tokenize.window_pooling": "surest", "train.max_batch_tokens": 400})
    clone.run("dvc", "repro")
    assert json.loads(clone.read("metrics/evaluate.json"))["accuracy"] > 0.85


@given(st.integers(1, 300), st.integers(2, 40), st.floats(0, 0.9))
def test_windows_hold_every_token_and_share_some(length: int, room: int, overlap: float) -> None:
    found = cut_windows(list(range(length)), room, overlap)
    assert sorted({token for window in found for token in window}) == list(range(length))
    sizes = {len(window) for window in found}
    assert len(sizes) == 1, "they are even"
    assert max(sizes) <= room
    shared = [len({*one} & {*other}) for one, other in pairwise(found)]
    assert min(shared, default=room) >= int(room * overlap) - 1
    assert len(found) == 1 or length > reach(room, overlap, len(found) - 1), "there are no more than needed"


def layout(**changes: Any) -> Layout:
    params = load_params(PARAMS).tokenize.model_dump(exclude={"window_pooling"})
    special: dict[str, Any] = {
        "tokens_before": [1],
        "tokens_between": None,
        "tokens_after": [2],
        "segments": None,
        "pad_token_id": 0,
    }
    return Layout(**{**params, "long_texts": "windows", "max_length": 10, "max_windows": 3, **special, **changes})


def test_a_text_that_needs_more_windows_is_truncated() -> None:
    whole, cut = list(range(10, 34)), list(range(10, 60))  # of 22, three windows of eight that share one hold all
    for ids, kept in ((whole[:22], 22), (cut, 22)):
        windows = lay_out([ids], layout(window_overlap=0.125))
        assert len(windows) == 3
        assert {token for window in windows for token in window.ids[1:-1]} == {*ids[:11], *ids[-11:]}
        assert num_kept([len(ids)], layout(window_overlap=0.125)) == 2 + kept


def test_of_a_pair_the_second_text_is_cut_into_windows() -> None:
    windows = lay_out([[10, 11], list(range(20, 40))], layout(tokens_between=[3], segments=[0, 0, 0, 1, 1]))
    assert len(windows) > 1
    for window in windows:
        assert window.ids[:4] == [1, 10, 11, 3]
        assert window.segments == [0] * 4 + [1] * (len(window.ids) - 4)


def test_pooling_is_the_same_in_training_and_does_not_depend_on_the_temperature() -> None:
    random = np.random.default_rng(0)
    counts = np.array([1, 3, 2, 4])
    logits = random.normal(size=(10, 3)).astype(np.float32)
    logits[5] = [9, 8.9, -9]  # the likeliest class of all windows, but hardly ahead
    for pooling in ("mean", "surest"):
        found = pool(logits, counts, pooling)
        trained = pool_windows(torch.from_numpy(logits), torch.from_numpy(counts), pooling)
        np.testing.assert_allclose(trained.numpy(), found, atol=1e-6)
        np.testing.assert_allclose(pool(logits / 7, counts, pooling) * 7, found, atol=1e-5)
    assert pool(logits, counts, "surest")[2].tolist() == logits[4].tolist()


def test_max_batch_tokens_counts_all_windows() -> None:
    random = np.random.default_rng(0)
    lengths, windows = random.integers(10, 30, size=100), random.integers(1, 6, size=100)
    params = load_params(PARAMS).train.model_copy(update={"max_batch_tokens": 200})
    batches = LengthBatches(lengths, params, windows=windows).epoch_batches()
    assert sorted(np.concatenate(batches)) == list(range(100))
    assert all(lengths[rows].max() * windows[rows].sum() <= 200 for rows in batches)
