"""What `start` makes of a file is what prepare-data can read."""

import shutil
from argparse import Namespace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import rows_on_disk
from tiny import PARAMS, labelled_texts

from stages.common.errors import UserError
from stages.common.params import DataParams, load_params
from stages.prepare_data.columns import GIVEN
from stages.prepare_data.given import given_splits
from stages.prepare_data.labels import name_labels
from start.look import look
from start.settings import settled_params


def looked(*paths: Path, **options: str) -> tuple[DataParams, dict[str, Any]]:
    """Return params to read these files with, and what `start` would change."""
    flags = dict.fromkeys(["text_column", "text_pair_column", "label_column", "delimiter"])
    return look(Namespace(files=list(map(str, paths)), **{**flags, **options}), load_params(PARAMS).data)


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.parquet"])
def test_rows_without_a_label_are_left_out(tmp_path: Path, name: str) -> None:
    rows = pd.DataFrame(labelled_texts(30), columns=["text", "label"]).astype({"label": "str"})
    rows.loc[::10, "label"] = None
    if name == "a.parquet":
        rows.to_parquet(tmp_path / name)
    elif name == "a.jsonl":
        rows.to_json(tmp_path / name, orient="records", lines=True)
    else:
        rows.to_csv(tmp_path / name, index=False)
    params, changes = looked(tmp_path / name)
    assert changes["filter"] == "`label`.notna()"
    found, _ = rows_on_disk.read({"": [tmp_path / name]}, params, tmp_path)
    assert len(found) == 27


def test_the_first_line_is_a_row_where_it_has_a_label_of_others(tmp_path: Path) -> None:
    """As in AG News, Sentiment140 and the SMS Spam Collection."""
    rows = pd.DataFrame([(label, "a title", text) for text, label in labelled_texts(30)])
    rows.to_csv(tmp_path / "a.csv", index=False, header=False)
    params, changes = looked(tmp_path / "a.csv")
    assert changes["column_names"] == ["label", "column_2", "text"]
    assert (changes["text_column"], changes["label_column"]) == ("text", "label")
    found, _ = rows_on_disk.read({"": [tmp_path / "a.csv"]}, params, tmp_path)
    assert len(found) == 30
    for header in (["0", "1", "2"], ["v1", "v2", "v3"], ["topic", "0", "1"]):
        rows.to_csv(tmp_path / "b.csv", index=False, header=header)
        assert looked(tmp_path / "b.csv")[1]["column_names"] is None


@pytest.mark.parametrize(
    ("first", "letters"),
    [('"What a film', True), ('"What" a film', True), ('"What a film"', False), ('"What ""a"" film"', False)],
)
def test_quotes_are_letters_where_some_are_never_closed(tmp_path: Path, first: str, letters: bool) -> None:
    lines = [f"{text}\t{label}" for text, label in labelled_texts(30)]
    long = f"{'long ' * 40_000}\t0"
    (tmp_path / "a.tsv").write_text("\n".join(["text\tlabel", f"{first}\t1", *lines, long, ""]))
    params, changes = looked(tmp_path / "a.tsv")
    assert changes["quoting"] is not letters
    found, _ = rows_on_disk.read({"": [tmp_path / "a.tsv"]}, params, tmp_path)
    assert len(found) == 32


def test_a_quoted_line_break_is_no_open_quote(tmp_path: Path) -> None:
    rows = pd.DataFrame(
        [(f'{text}\nand "more"', label) for text, label in labelled_texts(30)], columns=["text", "label"]
    )
    rows.to_csv(tmp_path / "a.csv", index=False)
    assert looked(tmp_path / "a.csv")[1]["quoting"] is True


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
def test_folders_of_labels_are_known_by_their_files(tmp_path: Path, encoding: str) -> None:
    """As in the IMDB reviews and 20 Newsgroups as their authors give them."""
    for number, (text, label) in enumerate(labelled_texts(30)):
        (tmp_path / "a" / str(label)).mkdir(parents=True, exist_ok=True)
        (tmp_path / "a" / str(label) / f"{number}").write_text(f"{text} schön", encoding=encoding)
    params, changes = looked(tmp_path / "a")
    assert (changes["class_folders"], changes["encoding"]) == (True, None if encoding == "utf-8" else encoding)
    found, _ = rows_on_disk.read({"": [tmp_path / "a"]}, params, tmp_path)
    assert len(found) == 30
    for split in ("train", "test"):
        shutil.copytree(tmp_path / "a", tmp_path / "b" / split)
    shutil.copytree(tmp_path / "a/0", tmp_path / "b/train/unsup")
    _, changes = looked(tmp_path / "b")
    assert changes["source"] == {name: str(tmp_path / "b" / name) for name in ("train", "test")}
    assert changes["filter"] == 'label != "unsup"'
    for table in ("0/a.csv", "0/b.csv", "1/a.csv", "1/b.csv"):
        pd.DataFrame(labelled_texts(30), columns=["text", "label"]).to_csv(tmp_path / "a" / table, index=False)
    assert looked(tmp_path / "a")[1]["class_folders"] is False


@pytest.mark.parametrize(("column", "known"), [("split", True), ("part", True), ("source", False)])
def test_a_column_that_names_splits_is_taken_for_them(tmp_path: Path, column: str, known: bool) -> None:
    rows = pd.DataFrame(labelled_texts(30), columns=["text", "label"])
    rows["tags"] = [["a", "train"]] * 30
    rows[column] = ["Train", "dev", "test" if known else "blog"] * 10
    rows.to_json(tmp_path / "a.jsonl", orient="records", lines=True)
    params, changes = looked(tmp_path / "a.jsonl")
    assert changes["split_column"] == (column if known else None)
    found, _ = rows_on_disk.read({"": [tmp_path / "a.jsonl"]}, params, tmp_path)
    sizes, _ = settled_params(found.assign(**{GIVEN: given_splits(found)} if known else {}), ["0", "1"], params)
    assert (sizes["validation_rows"], sizes["test_rows"]) == ((None, None) if known else (3, 6))


@pytest.mark.parametrize(
    ("columns", "text", "label"),
    [
        ("HelpfulnessNumerator,Score,Summary,Text", "Text", "Score"),  # Amazon's reviews
        ("reviewerRank,overall,asin,reviewText", "reviewText", "overall"),
        ("rank,airline_sentiment,airline,tweet_text", "tweet_text", "airline_sentiment"),
        ("rank,gold_label,annotator,sentence1", "sentence1", "gold_label"),
        ("rank,v1,kind,v2", "v2", "rank"),  # no name says it: the longest, and the first of few values
    ],
)
def test_columns_are_told_by_the_words_of_their_names(tmp_path: Path, columns: str, text: str, label: str) -> None:
    rows = [(number % 3, label, f"a{number % 4}", f"{text}") for number, (text, label) in enumerate(labelled_texts(30))]
    pd.DataFrame(rows, columns=columns.split(",")).to_csv(tmp_path / "a.csv", index=False)
    found = looked(tmp_path / "a.csv")[1]
    assert (found["text_column"], found["label_column"]) == (text, label)


def test_files_named_after_splits_are_taken_for_them(tmp_path: Path) -> None:
    for name in ("train.csv", "test.csv", "more.csv"):
        pd.DataFrame(labelled_texts(30), columns=["text", "label"]).to_csv(tmp_path / name, index=False)
    one, other, more = (tmp_path / name for name in ("train.csv", "test.csv", "more.csv"))
    assert looked(one, other)[1]["source"] == {"train": str(one), "test": str(other)}
    assert looked(one, more)[1]["source"] == [str(one), str(more)]
    assert looked(other)[1]["source"] == str(other)
    pd.read_csv(other).drop(columns="label").to_csv(other, index=False)
    with pytest.raises(UserError, match=r"test\.csv has no column 'label', .*: name .*train\.csv alone"):
        looked(other, one)


def test_lines_of_fasttext_are_known_by_their_labels(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("".join(f"__label__{label} {text}\n" for text, label in labelled_texts(30)))
    assert looked(tmp_path / "a.txt")[1]["multi_label"] is False
    (tmp_path / "a.txt").write_text(
        "".join(f"__label__{label} __label__c {text}\n" for text, label in labelled_texts(30))
    )
    params, changes = looked(tmp_path / "a.txt")
    assert changes["multi_label"] is True
    found, _ = rows_on_disk.read({"": [tmp_path / "a.txt"]}, params, tmp_path)
    assert name_labels(found, params) == ["0", "1", "c"]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf16_is_told_without_a_mark(tmp_path: Path, encoding: str) -> None:
    pd.DataFrame(labelled_texts(30), columns=["text", "label"]).to_csv(
        tmp_path / "a.csv", index=False, encoding=encoding
    )
    params, _ = looked(tmp_path / "a.csv")
    assert len(rows_on_disk.read({"": [tmp_path / "a.csv"]}, params, tmp_path)[0]) == 30
