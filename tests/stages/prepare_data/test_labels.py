"""Labels in every dress, rare classes, and splits that have a row of each."""

import numpy as np
import pandas as pd
import pytest
from tiny import PARAMS

from stages.common.errors import UserError
from stages.common.params import DataParams, load_params
from stages.prepare_data.columns import GIVEN
from stages.prepare_data.label_text import label_text
from stages.prepare_data.labels import name_labels
from stages.prepare_data.notes import Notes
from stages.prepare_data.rare import settle_rare
from stages.prepare_data.split import split_rows


def data_params(**changes: object) -> DataParams:
    return load_params(PARAMS).data.model_copy(update={"filter": None, "labels": None, **changes})


def table(labels: list) -> pd.DataFrame:
    rows = pd.DataFrame({"label": pd.Series(labels, dtype=object), "group": "", GIVEN: ""})
    names = [f"f:{row}" for row in range(1, len(rows) + 1)]
    return rows.assign(text=names, origin=names, row_id=names, place=range(len(rows)))


@pytest.mark.parametrize(
    ("values", "form"),
    [
        ((1, 1.0, "1", "1.0", " 1 ", "1.00", np.int64(1)), "1"),
        ((True, "true", "True", "TRUE", np.True_), "True"),
        ((0.5, "0.5", "0.50"), "0.5"),
        (("01",), "01"),
        (("caf\u00e9", "cafe\u0301"), "café"),
        ((None, float("nan"), "", "  ", pd.NA), ""),
    ],
)
def test_one_label_in_several_forms(values: tuple, form: str) -> None:
    assert {label_text(value) for value in values} == {form}


def test_data_labels_names_them_in_any_form() -> None:
    rows = table(["1.0", "0.0", "1"])
    assert name_labels(rows, data_params(labels={0: "no", 1: "yes"})) == ["no", "yes"]
    assert rows["label"].tolist() == ["yes", "no", "yes"]
    assert name_labels(table(["true", "FALSE"]), data_params(labels={True: "yes", False: "no"})) == ["yes", "no"]


@pytest.mark.parametrize(
    ("labels", "named", "message"),
    [
        (
            ["EARN", "earn", "earn", "acq"],
            None,
            "differ in capitals or spaces alone: 'earn' (2 rows) and 'EARN' (1 row);",
        ),
        (["EARN", "acq"], {"earn": "e", "acq": "a"}, "with a label that data.labels does not name ('EARN'): f:1"),
        (["poss", "neg"], {"pos": "e", "neg": "a"}, "(did you mean pos?)"),
        ([["a", "b"], "a"], None, "1 row with several labels: f:1; set data.multi_label to true"),
        (["['a', 'b']", "a"], None, "1 row with several labels: f:1"),
        ([0.31, 0.5, 2.0, 7.1], None, "numbers with fractions (0.31, 0.5, 7.1), and predicting a number (regression)"),
        (["0.31", "0.5", "2"], None, "predicting a number (regression) is not what this does"),
    ],
)
def test_labels_that_are_none_are_refused_with_a_remedy(labels: list, named: dict | None, message: str) -> None:
    with pytest.raises(UserError) as error:
        name_labels(table(labels), data_params(labels=named))
    assert message in str(error.value)


def test_stars_are_classes_and_half_stars_once_they_are_named() -> None:
    assert name_labels(table([1.0, 2.0, 5.0]), data_params()) == ["1", "2", "5"]
    assert name_labels(table([0.5, 5.0]), data_params(labels={0.5: "bad", 5: "good"})) == ["bad", "good"]


def test_rare_classes_are_named_at_once_and_the_param_decides(capsys: pytest.CaptureFixture[str]) -> None:
    rows = table(["a"] * 9 + ["b"] * 5 + ["x", "y", "y", "z"])
    labels = ["z", "b", "a", "x", "y"]
    message = r"3 classes with fewer than 3 rows: z \(1\), x \(1\), y \(2\)"
    with pytest.raises(UserError, match=message):
        settle_rare(rows, labels, data_params(), Notes())
    kept, names, dropped = settle_rare(rows, labels, data_params(rare_classes="drop"), Notes())
    assert (len(kept), names, dropped) == (14, ["b", "a"], 4)
    merged, names, dropped = settle_rare(rows, labels, data_params(rare_classes="merge"), Notes())
    assert (merged["label"].tolist()[-4:], names, dropped) == (["other"] * 4, ["b", "a", "other"], 0)
    err = capsys.readouterr().err
    assert "4 rows dropped" in err
    assert "4 rows put into the class other" in err
    with pytest.raises(UserError, match="merged, the rare classes have 1 row: set it to drop"):
        settle_rare(rows[:15], ["a", "b", "x"], data_params(rare_classes="merge"), Notes())
    with pytest.raises(UserError, match="leaves 1 of the classes"):
        settle_rare(rows[8:15], ["a", "b"], data_params(rare_classes="drop"), Notes())


@pytest.mark.parametrize("split", ["random", "blocked"])
def test_every_split_has_a_row_of_every_class_and_the_size_asked_for(split: str) -> None:
    random = np.random.default_rng(0)
    rows = table([f"class {c}" for c, count in enumerate([3, 3, 4, 7, 41, 150, 600, 1200]) for _ in range(count)])
    rows = rows.iloc[random.permutation(len(rows))]
    for train_rows in (None, 1500):
        params = data_params(split=split, block_rows=20, train_rows=train_rows, validation_rows=150, test_rows=300)
        splits = split_rows(rows, params)
        assert all(part["label"].nunique() == 8 for part in splits.values())
        assert [len(splits[name]) for name in ("test", "validation")] == [300, 150]
        assert train_rows is None or len(splits["train"]) == train_rows
        assert pd.concat(splits.values())["text"].is_unique
        assert abs((splits["test"]["label"] == "class 7").sum() - 300 * 1200 / 2008) < 5


def test_sizes_that_cannot_be_had_are_one_message() -> None:
    rows = table(["a", "b", "c", "d"] * 5)
    sizes = {"split": "random", "train_rows": None, "validation_rows": 4}
    with pytest.raises(UserError, match=r"data\.test_rows: must have a row for each of the 4 classes; however: 3"):
        split_rows(rows, data_params(**sizes, test_rows=3))
    with pytest.raises(UserError, match=r"asks for 14, and 12 are left after cleaning.*in data\.\*_rows\.$"):
        split_rows(rows, data_params(**sizes, test_rows=14))
