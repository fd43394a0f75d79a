"""The table of predictions loses no column."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from scoring.clusters import single_rows
from stages.evaluate.predictions import write_predictions


def test_own_columns_with_the_names_of_ours_are_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = pd.DataFrame({"text": ["x", "y"], "label": ["a", "b"], "cluster": [7, 8], "cluster_": [5, 6], "p_a": [0, 1]})
    probabilities = np.array([[0.9, 0.1], [0.8, 0.2]])
    write_predictions(tmp_path / "predictions.csv", rows, ["a", "b"], probabilities, single_rows(np.array([0, 1])))
    found = pd.read_csv(tmp_path / "predictions.csv")
    assert found["cluster__"].tolist() == [7, 8]
    assert found["cluster_"].tolist() == [5, 6]
    assert found["p_a_"].tolist() == [0, 1]
    assert found["p_a"].tolist() == [0.9, 0.8]
    assert found["cluster"].tolist() == [0, 1]
    assert found["correct"].tolist() == [True, False]
    assert "predictions.csv: column cluster of the data is called cluster__" in capsys.readouterr().out
