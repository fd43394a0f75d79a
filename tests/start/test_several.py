"""A column of several labels a row is recognised, and one of one label is left alone."""

import pandas as pd
import pytest

from start.columns import guess_columns
from start.several import several_labels

SETS = [{"a", "b"}, {"b"}, {"c", "a"}, set(), {"a", "b", "c"}, {"d"}] * 5


@pytest.mark.parametrize(
    ("values", "keys"),
    [
        ([sorted(labels) for labels in SETS], {"multi_label": True, "label_separator": None}),
        ([str(sorted(labels)) for labels in SETS], {"multi_label": True, "label_separator": None}),
        (["; ".join(sorted(labels)) for labels in SETS], {"multi_label": True, "label_separator": ";"}),
        (["|".join(labels) for labels in SETS], {"multi_label": True, "label_separator": "|"}),
        (["a", "b", "c"] * 10, {}),
        (["Smith, Ann", "Doe, Bob", "Roe, Carol"] * 10, {}),
        ([1, 2, 3] * 10, {}),
    ],
)
def test_how_labels_are_written(values: list, keys: dict) -> None:
    column = pd.Series(values)
    assert several_labels(column) == keys
    rows = pd.DataFrame({"text": [f"a film, no {number}; good" for number in range(30)], "tags": column})
    assert guess_columns(rows, None, None) == ("text", "tags")
