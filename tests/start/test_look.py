"""What `start` makes of a file is what prepare-data can read."""

from argparse import Namespace
from pathlib import Path

import pandas as pd
import pytest
import rows_on_disk
from tiny import PARAMS, labelled_texts

from stages.common.params import load_params
from start.__main__ import look


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
    options = dict.fromkeys(["text_column", "text_pair_column", "label_column"])
    params, changes = look(Namespace(files=[str(tmp_path / name)], **options), load_params(PARAMS).data)
    assert changes["filter"] == "`label`.notna()"
    found, _ = rows_on_disk.read({"": [tmp_path / name]}, params, tmp_path)
    assert len(found) == 27
