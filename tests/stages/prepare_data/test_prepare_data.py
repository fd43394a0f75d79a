"""What is read, cleaned, dropped, split and refused."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rows_on_disk import read, stored, whole
from tiny import PARAMS, labelled_texts, write_csv

from predict.text import clean_text
from stages.common.errors import UserError
from stages.common.params import DataParams, load_params
from stages.prepare_data.columns import GIVEN, TIME
from stages.prepare_data.duplicates import drop_unusable
from stages.prepare_data.labels import name_labels
from stages.prepare_data.notes import Notes
from stages.prepare_data.readers import read_rows
from stages.prepare_data.sources import data_sources
from stages.prepare_data.split import split_rows


def data_params(**changes: object) -> DataParams:
    base = load_params(PARAMS).data
    return base.model_copy(update={"filter": None, **changes})


def table(rows: Sequence[tuple[str | None, object]]) -> pd.DataFrame:
    texts, labels = zip(*rows, strict=True)
    origin = [f"f:{row}" for row in range(1, len(rows) + 1)]
    return pd.DataFrame({"text": texts, "label": labels, "origin": origin, "group": "", GIVEN: "", TIME: None})


LONG = "the film was one of the best that i have seen in a long time and the actors were all superb in it"


@pytest.mark.parametrize(
    ("raw", "cleaned"),
    [
        ("Good.<br /><br />Bad.", "Good. Bad."),
        ("a<BR>b</p>c", "a b c"),
        ("Tom &amp; Jerry &lt;3 &quot;hi&quot;", 'Tom & Jerry <3 "hi"'),
        ("x &lt;br /&gt; y", "x y"),
        ("cafe\u0301 \ufb01lm", "café film"),
        ("a\u00a0 \t\n b\u200b\x00c", "a b c"),
        ("  1 < 2 <i>stays</i> ", "1 < 2 <i>stays</i>"),
    ],
)
def test_texts_are_cleaned(raw: str, cleaned: str) -> None:
    assert clean_text(raw) == cleaned
    assert clean_text(cleaned) == cleaned


def test_a_hub_data_set_gives_all_its_splits_and_names(tmp_path: Path) -> None:
    import datasets

    features = datasets.Features({"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["neg", "pos"])})
    folder = tmp_path / "imdb"
    for split, labels in {"train": [0, 1], "test": [1], "unsupervised": [-1]}.items():
        columns = {"text": [f"{split} {label}" for label in labels], "label": labels}
        path = folder / "data" / f"{split}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        datasets.Dataset.from_dict(columns, features=features).to_parquet(str(path))
    files = "\n".join(f"  - split: {s}\n    path: data/{s}.parquet" for s in ("train", "test", "unsupervised"))
    (folder / "README.md").write_text(f"---\nconfigs:\n- config_name: default\n  data_files:\n{files}\n---\n")
    everything = pd.concat(read_rows({"": [folder]}, data_params(), Notes()))
    assert everything["split"].tolist() == ["train", "train", "test", "unsupervised"]
    params = data_params(filter='split != "unsupervised"', labels={"neg": "negative", "pos": "positive"})
    rows, _ = read({"": [folder]}, params, tmp_path)
    assert name_labels(rows, params) == ["negative", "positive"]
    assert rows["label"].tolist() == ["negative", "positive", "positive"]


def test_label_values_can_share_a_name_and_null_takes_them_as_they_are() -> None:
    rows = table([("a", 1), ("b", "2"), ("c", 4.0), ("d", " 5")])
    merged = rows.copy()
    stars = data_params(labels={1: "bad", 2: "bad", 4: "good", 5: "good"})
    assert name_labels(merged, stars) == ["bad", "good"]
    assert merged["label"].tolist() == ["bad", "bad", "good", "good"]
    assert name_labels(rows, data_params(labels=None)) == ["1", "2", "4", "5"]


def test_copies_in_any_dress_are_dropped_and_contradictions_altogether(tmp_path: Path) -> None:
    rows = table(
        [
            (LONG, "good"),
            (f"<br />{LONG.upper()}!!", "good"),  # the same in capitals
            (f"Spoilers ahead. {LONG} Go and see it.", "good"),  # the same with more around it
            (" ".join(LONG.split()[3:18]), "good"),  # an excerpt
            ("a b c", "good"),
            ("A, b, c.", "bad"),  # the same, labelled differently
            ("", "bad"),
            ("<br />", "bad"),
            (None, "bad"),
            ("quite another text about a film", "bad"),
        ]
    )
    found, store = stored(rows, tmp_path)
    kept, dropped = drop_unusable(found, data_params(), store)
    assert kept["origin"].tolist() == ["f:1", "f:10"]
    assert dropped == {
        "across_splits": 0,
        "empty": 3,
        "exact_duplicate": 1,
        "exact_duplicate_conflict": 2,
        "near_duplicate": 2,
        "near_duplicate_conflict": 0,
    }


def test_texts_that_only_share_a_phrase_are_kept(tmp_path: Path) -> None:
    rows = table([(f"{LONG} {' '.join(map(str, range(start, start + 40)))}", "good") for start in (0, 100, 200)])
    found, store = stored(rows, tmp_path)
    kept, _ = drop_unusable(found, data_params(near_duplicate_similarity=0.5), store)
    assert len(kept) == 3


def many_rows(count: int = 400) -> pd.DataFrame:
    return table([(f"text {number}", "bad" if number < count * 3 // 4 else "good") for number in range(count)])


@pytest.mark.parametrize("split", ["random", "blocked"])
def test_splits_have_the_sizes_and_proportions_asked_for_and_share_no_row(split: str) -> None:
    params = data_params(split=split, block_rows=10, train_rows=200, validation_rows=41, test_rows=60)
    splits = split_rows(many_rows(), params)
    assert {name: len(rows) for name, rows in splits.items()} == {"train": 200, "validation": 41, "test": 60}
    assert (splits["test"]["label"] == "bad").mean() == 0.75
    assert (splits["validation"]["label"] == "bad").sum() in (30, 31)
    assert pd.concat(splits.values())["text"].is_unique
    again = split_rows(many_rows(), params)
    assert all(again[name].equals(splits[name]) for name in splits)
    other = split_rows(many_rows(), params.model_copy(update={"seed": 1}))
    assert not other["test"].equals(splits["test"])


def test_blocked_keeps_neighbours_in_one_split() -> None:
    params = data_params(split="blocked", block_rows=10, train_rows=None, validation_rows=35, test_rows=55)
    splits = split_rows(many_rows(), params)
    owners: dict[tuple, set[str]] = {}
    for name, rows in splits.items():
        for number, label in zip(rows["text"].str.split().str[1].astype(int), rows["label"], strict=True):
            start = 0 if label == "bad" else 300
            owners.setdefault((label, (number - start) // 10), set()).add(name)
    assert all(len(names) == 1 for names in owners.values())


def test_null_takes_all_that_is_left_for_training() -> None:
    splits = split_rows(many_rows(), data_params(split="random", train_rows=None, validation_rows=40, test_rows=60))
    assert len(splits["train"]) == 300


def prepare(files: list[Path], params: DataParams, folder: Path) -> dict[str, pd.DataFrame]:
    rows, store = read({"": files}, params, folder)
    name_labels(rows, params)
    splits = split_rows(drop_unusable(rows, params, store)[0], params)
    return {name: whole(split, store) for name, split in splits.items()}


def refuse(tmp_path: Path, content: bytes, suffix: str = "csv", **changes: object) -> str:
    path = tmp_path / f"mine.{suffix}"
    path.write_bytes(content)
    params = data_params(**changes)
    with pytest.raises(UserError) as error:
        prepare([path], params, tmp_path)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(
    ("content", "changes", "message"),
    [
        (b"review,label\na,0\n", {}, "data.text_column: there is no column 'text' in "),
        (b"text,label\na,0\nb,\nc,1\n", {}, "1 row without a label: mine.csv:2"),
        (
            b"text,label\na,0\nb,7\nc,x\n",
            {},
            "2 rows with a label that data.labels does not name ('7', 'x'): mine.csv:2",
        ),
        (b"text,label\na,0\nb,0\n", {}, "all 2 rows are labelled negative"),
        (b"text,label\na,0\nb,1\n", {}, "data.test_rows: too few rows are left for the test split"),
        (b"text,label\na,0\nb,1\n", {"filter": "stars > 3"}, "data.filter: 'stars > 3' can't be applied"),
        (b"text,label\na,0\nb,1\n", {"filter": "label == '9'"}, "data.filter: \"label == '9'\" keeps no row"),
        (b"text,label\na,0\ncaf\xe9,1\n\xff,1\n", {}, "is not UTF-8: 2 lines can't be decoded (3, 4)"),
        (
            b"text,label\na,0\nb,1,2,3\n",
            {},
            "1 row with another number of fields than the 2 of the header: mine.csv:2 has 4; put fields that hold",
        ),
        (b"", {}, "mine.csv is empty"),
        (b"text,label\n", {}, "data.source has no rows"),
        (
            b"text,label\na,0\nb,1\n",
            {"labels": {0: "no", 1: "yes", 2: "maybe"}},
            "data.labels names maybe, but no row has that label",
        ),
    ],
)
def test_bad_data_is_refused_in_one_line(tmp_path: Path, content: bytes, changes: dict, message: str) -> None:
    assert message in refuse(tmp_path, content, **changes)


def test_bad_json_lines_are_refused_in_one_line(tmp_path: Path) -> None:
    assert "line 2: Expecting" in refuse(tmp_path, b'{"text": "a", "label": 0}\n{"text": \n', suffix="jsonl")
    assert "line 1 is not an object" in refuse(tmp_path, b"[1, 2]\n", suffix="jsonl")
    content = json.dumps({"text": 3, "label": 0}) + "\n" + json.dumps({"text": "b", "label": 1}) + "\n"
    assert "1 row with a number or a list for a text" in refuse(tmp_path, content.encode(), suffix="jsonl")


def test_an_unknown_format_is_refused(tmp_path: Path) -> None:
    assert "must end in .csv" in refuse(tmp_path, b"a", suffix="docx")


def test_the_default_data_has_no_near_copy_of_a_test_text_in_training(tmp_path: Path) -> None:
    """Count shared word 5-grams by another way than the stage does: sets, on a sample of the test texts."""
    params = data_params(filter='source == "imdb"', train_rows=4000, validation_rows=100, test_rows=300)
    splits = prepare(data_sources(params)[""], params, tmp_path)

    def shingles(text: str) -> set[tuple]:
        words = text.lower().split()
        return {tuple(words[at : at + 5]) for at in range(len(words) - 4)}

    trained: dict[tuple, list[int]] = {}
    train = [shingles(text) for text in splits["train"]["text"]]
    for number, found in enumerate(train):
        for shingle in found:
            trained.setdefault(shingle, []).append(number)
    worst = 0.0
    for text in splits["test"]["text"]:
        found = shingles(text)
        shared = np.bincount([number for shingle in found for number in trained.get(shingle, [])] or [0])
        for number in np.flatnonzero(shared).tolist():
            worst = max(worst, shared[number] / max(1, min(len(found), len(train[number]))))
    assert 0 < worst < params.near_duplicate_similarity


def test_labelled_texts_of_these_tests_are_distinct(tmp_path: Path) -> None:
    rows, _ = read({"": [write_csv(tmp_path / "tiny.csv", labelled_texts(280))]}, data_params(), tmp_path)
    assert rows["key"].is_unique
