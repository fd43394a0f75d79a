"""A row's identity and its group, and the user's own columns."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rows_on_disk import read, whole
from tiny import PARAMS

from stages.common.errors import UserError
from stages.common.params import DataParams, load_params
from stages.prepare_data.split import split_rows
from stages.prepare_data.texts import row_id


def data_params(**changes: object) -> DataParams:
    return load_params(PARAMS).data.model_copy(update={"filter": None, "labels": None, **changes})


def selected(path: Path, **changes: object) -> pd.DataFrame:
    return whole(*read({"": [path]}, data_params(**changes), path.parent))


def test_a_row_keeps_its_identity_when_files_are_renamed_and_rows_added(tmp_path: Path) -> None:
    first, second = tmp_path / "a.csv", tmp_path / "b.csv"
    first.write_text("text,label\nOne &amp; two,0\nthree,1\n")
    second.write_text("label,text\n1,new\n1,three\n0,One & two\n")
    before, after = selected(first)["row_id"].tolist(), selected(second)["row_id"].tolist()
    assert before == [after[2], after[1]]
    assert len(set(after)) == 3
    assert row_id("three") == before[1] == "32b5d0aefab6439e"  # and on every machine


def test_own_columns_are_kept_under_another_name_and_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = ["origin", "text", "label", "predicted", "correct", "row_id", "group"]
    path = tmp_path / "a.csv"
    path.write_text(f"review,stars,origin_,{','.join(own)}\nfine,5,kept,{','.join(f'my {name}' for name in own)}\n")
    rows = selected(path, text_column="review", label_column="stars", filter='origin == "my origin"')
    assert (rows["text"].item(), rows["label"].item(), rows["origin"].item()) == ("fine", "5", "a.csv:1")
    assert rows["origin_"].item() == "kept"
    said = capsys.readouterr().err
    for name in own:
        renamed = "origin__" if name == "origin" else f"{name}_"
        assert rows[renamed].item() == f"my {name}"
        assert f"column {name} of the data is called {renamed} from here on" in said


def users(num_users: int = 120, seed: int = 0) -> pd.DataFrame:
    """Rows of users who wrote 1 to 15 texts each, of both labels, and some rows of no user."""
    random = np.random.default_rng(seed)
    group = [f"user {user}" for user in range(num_users) for _ in range(random.integers(1, 16))] + [""] * 40
    label = np.where(random.random(len(group)) < 0.3, "bad", "good")
    rows = pd.DataFrame({"label": label, "group": group}).sample(frac=1, random_state=seed, ignore_index=True)
    return rows.assign(text=[f"text {row}" for row in range(len(rows))])


@pytest.mark.parametrize("split", ["random", "blocked"])
def test_no_group_is_in_two_splits_and_the_sizes_are_near(split: str, capsys: pytest.CaptureFixture[str]) -> None:
    rows = users()
    params = data_params(group_column="user", split=split, block_rows=5, validation_rows=100, test_rows=150)
    splits = split_rows(rows, params.model_copy(update={"train_rows": None}))
    together = pd.concat(splits, names=["split"]).reset_index("split")
    assert len(together) == len(rows)
    named = together[together["group"] != ""]
    assert named.groupby("group")["split"].nunique().max() == 1
    assert together[together["group"] == ""]["split"].nunique() == 3
    said = capsys.readouterr().out
    for name, asked in (("validation", 100), ("test", 150)):
        assert abs(len(splits[name]) - asked) <= 8
        assert abs((splits[name]["label"] == "bad").mean() - (rows["label"] == "bad").mean()) < 0.05
        inexact = f"{name}: {len(splits[name])} rows, {asked} asked for" in said
        assert inexact == (len(splits[name]) != asked)


def test_a_label_with_too_few_groups_is_named() -> None:
    rows = users().assign(label=lambda rows: np.where(rows["group"] == "user 3", "rare", rows["label"]))
    params = data_params(group_column="user", split="random", train_rows=None, validation_rows=100, test_rows=150)
    with pytest.raises(UserError, match="would have no row labelled rare: there are too few groups with that label"):
        split_rows(rows, params)
