"""The base's exported model judges test rows that it has never seen."""

from collections.abc import Callable

import pandas as pd
import pytest
from tiny import Clone, labelled_texts

Review = Callable[..., tuple[int, str, str]]
NEW = 50


def test_the_datas_part_of_a_difference_is_told_from_the_models(
    clone: Clone, review: Review, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(clone.folder)
    clone.run("git", "checkout", "--quiet", "-b", "change")
    path = clone.folder / "data/evaluation/predictions.csv"
    rows = pd.read_csv(path, dtype={"text": str}, keep_default_na=False)
    texts = labelled_texts(NEW, seed=9)
    assert not set(rows["text"]) & {text for text, _ in texts}
    new = rows.iloc[[0] * NEW].assign(text=[text for text, _ in texts])
    new["label"] = [["negative", "positive"][label] for _, label in texts]
    new["row_id"] = [f"new-{place}" for place in range(NEW)]
    new["cluster"] = range(1_000, 1_000 + NEW)
    new["predicted"], new["correct"], new["p_negative"], new["p_positive"] = "negative", False, 0.9, 0.1
    whole = pd.concat([rows, new])
    whole.to_csv(path, index=False)
    test = clone.folder / "data/prepared/test.parquet"
    columns = list(pd.read_parquet(test).columns)
    whole[columns].astype(str).to_parquet(test, index=False)
    clone.run("dvc", "commit", "--force", "--quiet", "prepare-data", "evaluate")
    status, _, errors = review()
    report = clone.read("reports/review.md")
    assert (status, errors) == (1, "")  # the other stages have not run on these rows
    assert f"Both models judged the same {len(rows) + NEW} test rows" in report
    assert f"The base's exported model has judged {NEW} of them for this review" in report
    assert "is the data's part (the base on these rows)" in report
    assert f"{NEW} rows came." in report
