"""Several labels a row, however they are written, and what becomes of them on the way to the splits."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rows_on_disk import stored, whole
from tiny import PARAMS

from stages.common.errors import UserError
from stages.common.label_sets import as_matrix, as_texts
from stages.common.params import DataParams, load_params
from stages.prepare_data.columns import GIVEN, TIME
from stages.prepare_data.corrections import correct
from stages.prepare_data.duplicates import drop_unusable
from stages.prepare_data.labels import name_labels
from stages.prepare_data.notes import Notes
from stages.prepare_data.rare import settle_rare
from stages.prepare_data.texts import row_id
from stages.prepare_data.ways import make_splits


def data_params(**changes: object) -> DataParams:
    return load_params(PARAMS).data.model_copy(update={"filter": None, "labels": None, "multi_label": True, **changes})


def table(labels: list) -> pd.DataFrame:
    rows = pd.DataFrame({"label": pd.Series(labels, dtype=object), "group": "", GIVEN: "", TIME: None})
    names = [f"f:{row}" for row in range(1, len(rows) + 1)]
    texts = [f"film {row} of {row * 7}" for row in range(len(rows))]
    return rows.assign(text=texts, origin=names, row_id=names, place=range(len(rows)))


@pytest.mark.parametrize(
    ("labels", "changes"),
    [
        ([["b", "a"], [], ["b"], np.array(["a", "b"])], {}),
        (['["b", "a"]', "[]", "b", "['a', 'b', 'a']"], {}),
        (["b;a", None, "b", "a; b;"], {"label_separator": ";"}),
        (["2, 1.0", "", "2", "1,2"], {"label_separator": ",", "labels": {1: "a", 2: "b"}}),
    ],
)
def test_lists_and_separated_texts_are_the_same_sets(labels: list, changes: dict) -> None:
    rows = table(labels)
    assert name_labels(rows, data_params(**changes)) == ["a", "b"]
    assert rows["label"].tolist() == ["a|b", "", "b", "a|b"]
    matrix = as_matrix(rows["label"], ["a", "b", "c"])
    assert matrix.tolist() == [[True, True, False], [False] * 3, [False, True, False], [True, True, False]]
    assert as_texts(matrix, ["a", "b", "c"]).tolist() == rows["label"].tolist()


def test_one_label_a_row_is_a_case_of_several() -> None:
    rows = table(["b", "a", "b"])
    assert name_labels(rows, data_params()) == ["a", "b"]
    assert rows["label"].tolist() == ["b", "a", "b"]


def test_copies_with_other_sets_are_conflicts_and_the_order_of_labels_is_none(tmp_path: Path) -> None:
    rows = table([["a", "b"], ["b", "a"], ["a"], ["a", "b"], ["b"]])
    rows["text"] = ["one film", "One film!", "two films", "two films", "three films"]
    params = data_params()
    labels = name_labels(rows, params)
    found, store = stored(rows.drop(columns="row_id"), tmp_path)
    kept, dropped = drop_unusable(found, params, store)
    assert whole(kept, store)["text"].tolist() == ["one film", "three films"]
    assert (dropped["exact_duplicate"], dropped["exact_duplicate_conflict"]) == (1, 2)
    path = tmp_path / "corrections.csv"
    one, two, three = map(row_id, ["one film", "two films", "three films"])
    path.write_text(f"row_id,label\n{one},b\n{two},b|a\n{three},\n")
    corrected, _ = correct(found, labels, path, Notes(), multi_label=True)
    assert corrected["label"].tolist() == ["b", "a|b", "a|b", "a|b", ""]
    path.write_text(f"row_id,label\n{one},b|x\n")
    with pytest.raises(UserError, match=r"line 2: 'b\|x' is neither a class nor drop"):
        correct(found, labels, path, Notes(), multi_label=True)


def test_a_rare_label_is_taken_from_rows_that_keep_the_others() -> None:
    rows = table([["a", "b"]] * 5 + [["a", "x"], ["y"], []])
    labels = name_labels(rows, params := data_params(rare_classes="drop"))
    kept, names, dropped = settle_rare(rows, labels, params, Notes())
    assert (names, dropped, kept["label"].tolist()) == (["a", "b"], 0, ["a|b"] * 5 + ["a", "", ""])
    rows = table([["a", "b"]] * 5 + [["a", "x"], ["y"], ["x", "y"]])
    labels = name_labels(rows, params := data_params(rare_classes="merge"))
    kept, names, _ = settle_rare(rows, labels, params, Notes())
    assert (names, kept["label"].tolist()[5:]) == (["a", "b", "other"], ["a|other", "other", "other"])


@pytest.mark.parametrize("changes", [{"split": "random"}, {"split": "blocked", "block_rows": 5}, {"group_column": "g"}])
def test_every_split_gets_its_share_of_every_label(changes: dict) -> None:
    random = np.random.default_rng(0)
    names = np.array(["common", "frequent", "rare", "scarce"])
    rows = table([names[random.random(4) < [0.6, 0.3, 0.03, 0.02]].tolist() for _ in range(1000)])
    rows["group"] = [f"g{row // 2}" for row in range(1000)] if "group_column" in changes else ""
    params = data_params(**changes, train_rows=None, validation_rows=100, test_rows=200)
    name_labels(rows, params)
    splits = make_splits(rows, params, Notes())
    assert abs(len(splits["test"]) - 200) <= 2 * ("group_column" in changes)
    slack = 4 if "group_column" in changes else 2.5  # rows: groups are whole
    whole, test = (as_matrix(part["label"], names.tolist()).sum(axis=0) for part in (rows, splits["test"]))
    assert (abs(test - whole * 0.2) < np.maximum(slack, 0.05 * whole)).all(), (whole, test)
    assert pd.concat(splits.values())["text"].is_unique
