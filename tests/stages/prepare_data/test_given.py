"""Splits that the data comes with, and splits by time."""

from pathlib import Path

import pandas as pd
import pytest
from rows_on_disk import read, whole
from tiny import PARAMS, labelled_texts, write_csv

from stages.common.errors import UserError
from stages.common.params import DataParams, load_params
from stages.prepare_data.duplicates import drop_unusable
from stages.prepare_data.labels import name_labels
from stages.prepare_data.notes import Notes
from stages.prepare_data.sources import data_sources
from stages.prepare_data.ways import make_splits


def prepare(folder: Path, **changes: object) -> tuple[dict[str, pd.DataFrame], dict[str, int]]:
    sizes = {"split": "random", "train_rows": None, "validation_rows": None, "test_rows": None}
    params: DataParams = load_params(PARAMS).data.model_copy(
        update={"filter": None, "labels": None, **sizes, **changes}
    )
    rows, store = read(data_sources(params), params, folder)
    name_labels(rows, params)
    kept, dropped = drop_unusable(rows, params, store)
    splits = make_splits(kept, params, Notes())
    return {name: whole(split, store) for name, split in splits.items()}, dropped


def sizes(splits: dict[str, pd.DataFrame]) -> dict[str, int]:
    return {name: len(rows) for name, rows in splits.items()}


@pytest.fixture
def source(tmp_path: Path) -> dict[str, str]:
    """A file for each split; one test text is in train too, in other dress, and one test text is there twice."""
    rows = labelled_texts(100)
    parts = {
        "train": [*rows[:70], (f"{rows[71][0].upper()}!", rows[71][1]), (f"{rows[72][0]} and more", rows[72][1])],
        "validation": rows[85:],
        "test": [*rows[70:85], rows[70]],
    }
    return {name: str(write_csv(tmp_path / name / "a.csv", part)) for name, part in parts.items()}


def test_a_file_for_each_split_and_copies_in_train_are_dropped(
    source: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    splits, dropped = prepare(tmp_path, source=source)
    assert sizes(splits) == {"test": 16, "validation": 15, "train": 70}
    assert dropped["across_splits"] == 2
    assert all(origin.rsplit("/", 2)[-2] == name for name, rows in splits.items() for origin in rows["origin"])
    assert "2 rows of the train split are in another one too, alike or of one group: dropped" in capsys.readouterr().err
    splits, dropped = prepare(tmp_path, source=source, copies_across_splits="keep")
    assert (sizes(splits)["train"], dropped["across_splits"]) == (72, 0)
    assert "kept, as data.copies_across_splits says" in capsys.readouterr().err


def test_validation_is_cut_from_train_when_only_test_is_given(
    source: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    del source["validation"]
    splits, _ = prepare(tmp_path, source=source, validation_rows=20)
    assert sizes(splits) == {"test": 16, "validation": 20, "train": 50}
    with pytest.raises(UserError, match=r"data\.validation_rows: null takes all of a given split, but none is given"):
        prepare(tmp_path, source=source)
    splits, _ = prepare(tmp_path, source=source, validation_rows=20, train_rows=30, test_rows=10)
    assert sizes(splits) == {"test": 10, "validation": 20, "train": 30}
    assert "data.test_rows: 10 of the 16 rows of the given test split are used" in capsys.readouterr().err


def test_a_column_of_splits(tmp_path: Path) -> None:
    names = ["train"] * 6 + ["dev", "Test"]
    lines = [f"{text},{label},{names[n % 8]}" for n, (text, label) in enumerate(labelled_texts(80))]
    path = tmp_path / "a.csv"
    path.write_text("\n".join(["text,label,part", *lines]))
    splits, _ = prepare(tmp_path, source=str(path), split_column="part")
    assert sizes(splits) == {"test": 10, "validation": 10, "train": 60}
    assert set(splits["test"]["part"]) == {"Test"}
    path.write_text("\n".join(["text,label,part", *lines, "odd,1,holdout", "odd,0,"]))
    with pytest.raises(UserError, match=r"2 rows with another split in data.split_column \('holdout', ''\): a.csv:81"):
        prepare(tmp_path, source=str(path), split_column="part")
    path.write_text("\n".join(["text,label,part", *(line.replace("train", "dev") for line in lines)]))
    with pytest.raises(UserError, match="no row is in the train split"):
        prepare(tmp_path, source=str(path), split_column="part")


def test_groups_of_given_splits_are_kept_apart(tmp_path: Path) -> None:
    lines = [
        f"{text},{label},{['train', 'test'][n % 4 == 0]},{n % 40}" for n, (text, label) in enumerate(labelled_texts(80))
    ]
    path = tmp_path / "a.csv"
    path.write_text("\n".join(["text,label,part,user", *lines, "more words here,1,train,0"]))
    splits, dropped = prepare(tmp_path, source=str(path), split_column="part", group_column="user", validation_rows=10)
    assert dropped["across_splits"] == 1
    assert not set(splits["test"]["group"]) & set(splits["train"]["group"])


def test_test_gets_the_latest_rows(tmp_path: Path) -> None:
    lines = [
        f"{text},{label},2024-01-{n % 28 + 1:02d}T{n % 24:02d}:00" for n, (text, label) in enumerate(labelled_texts(84))
    ]
    path = tmp_path / "a.csv"
    path.write_text("\n".join(["text,label,when", *lines]))
    splits, _ = prepare(tmp_path, source=str(path), time_column="when", validation_rows=12, test_rows=18)
    assert sizes(splits) == {"test": 18, "validation": 12, "train": 54}
    assert splits["test"]["when"].min() >= splits["validation"]["when"].max()
    assert splits["validation"]["when"].min() >= splits["train"]["when"].max()
    path.write_text("\n".join(["text,label,when", *lines, "odd,1,31/12/2024"]))
    with pytest.raises(UserError, match=r"1 row without a time that can be read .*'31/12/2024'\): a.csv:85; write"):
        prepare(tmp_path, source=str(path), time_column="when", validation_rows=12, test_rows=18)


def test_two_ways_to_split_are_refused(source: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(UserError, match="a source for each split and time_column both say which rows"):
        prepare(tmp_path, source=source, time_column="when")
