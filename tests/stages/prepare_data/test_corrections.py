"""Corrections of labels, and the list of dropped rows."""

from pathlib import Path

import pandas as pd
import pytest
from rows_on_disk import stored

from stages.common.errors import UserError
from stages.prepare_data.columns import GIVEN, TIME
from stages.prepare_data.corrections import correct
from stages.prepare_data.notes import Notes
from stages.prepare_data.store import Store
from stages.prepare_data.texts import row_id
from stages.prepare_data.write_tables import list_dropped


@pytest.fixture
def table(tmp_path: Path) -> tuple[pd.DataFrame, Store]:
    texts = ["one film", "two films", "three films"]
    rows = pd.DataFrame({"text": texts, "label": ["bad", "bad", "good"], "origin": ["f:1", "f:2", "f:3"]})
    return stored(rows.assign(group="", **{GIVEN: "", TIME: None}), tmp_path)


def test_labels_are_corrected_rows_dropped_and_all_of_it_counted(
    table: tuple[pd.DataFrame, Store], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows, store = table
    path = tmp_path / "corrections.csv"
    path.write_text(f"row_id,label\n{row_id('one film')},good\n{row_id('two films')},drop\n{row_id('gone')},good\n")
    rows, counts = correct(rows, ["bad", "good"], path, store.note)
    assert rows["label"].tolist() == ["good", "good"]
    assert counts == {"labels": 1, "dropped": 1, "not_found": 1}
    assert "1 correction of rows that are not in the data" in capsys.readouterr().err
    list_dropped(tmp_path / "dropped.csv", store)
    listed = pd.read_csv(tmp_path / "dropped.csv")
    assert listed[["origin", "reason", "text"]].values.tolist() == [["f:2", "correction", "two films"]]


def test_a_class_named_drop_is_told_from_dropping(table: tuple[pd.DataFrame, Store], tmp_path: Path) -> None:
    path = tmp_path / "corrections.csv"
    path.write_text(f"row_id,label\n{row_id('one film')},drop\n{row_id('two films')},(drop)\n")
    rows, counts = correct(table[0], ["bad", "drop", "good"], path, Notes())
    assert rows["label"].tolist() == ["drop", "good"]
    assert counts == {"labels": 1, "dropped": 1, "not_found": 0}


@pytest.mark.parametrize("content", ["", "row_id,label\n"])
def test_no_corrections_change_nothing(table: tuple[pd.DataFrame, Store], tmp_path: Path, content: str) -> None:
    path = tmp_path / "corrections.csv"
    path.write_text(content)
    rows, counts = correct(table[0], ["bad", "good"], path, Notes())
    assert rows.equals(table[0])
    assert counts == {"labels": 0, "dropped": 0, "not_found": 0}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("row_id,label\na,goood\n", r"line 2: 'goood' is neither a class nor drop \(did you mean good\?\)"),
        ("id,label\na,good\n", "must have the columns row_id, label; however: 'id,label"),
        ("row_id,label\na,good\na,bad\n", "corrects a twice"),
    ],
)
def test_corrections_that_cannot_be_used_are_named(
    table: tuple[pd.DataFrame, Store], tmp_path: Path, content: str, message: str
) -> None:
    path = tmp_path / "corrections.csv"
    path.write_text(content)
    with pytest.raises(UserError, match=message):
        correct(table[0], ["bad", "good"], path, Notes())
