"""Turn suspected label errors into corrections, for a person to look through before they are committed.

Run: python -m start.correct [--split train] [--most-score 0.1]
"""

import argparse
import json
from pathlib import Path

import pandas as pd

from predict.spreadsheet import safe_cell
from stages.common.errors import MissingInput, run
from stages.common.outputs import whole_output
from stages.prepare_data.bad_rows import plural
from stages.prepare_data.corrections import drop_word, read_corrections

ERRORS, CORRECTIONS = Path("data/evaluation/label_errors.csv"), Path("data/corrections.csv")
LABELS = Path("data/prepared/labels.json")


def main() -> None:
    """Add to data/corrections.csv the suggested labels of rows whose own label the model gives little probability."""
    parser = argparse.ArgumentParser(prog="python -m start.correct", description=__doc__.splitlines()[0])
    parser.add_argument("--split", default="train", choices=["train", "test"], help="of the rows; train unless said")
    parser.add_argument("--most-score", type=float, default=0.1, help="probability of the row's own label, at most")
    arguments = parser.parse_args()
    if not ERRORS.exists():
        raise MissingInput(f"{ERRORS} is not there: `dvc repro evaluate` makes it")
    errors = pd.read_csv(ERRORS, dtype={"suggested": str}, keep_default_na=False)
    errors = errors[(errors["split"] == arguments.split) & (errors["score"] <= arguments.most_score)]
    labels = json.loads(LABELS.read_text(encoding="utf-8"))
    names = {safe_cell(label): label for label in labels}
    added = pd.DataFrame({"row_id": errors["row_id"], "label": errors["suggested"].map(names)})
    there = read_corrections(CORRECTIONS)
    added = added[~added["row_id"].isin(there["row_id"])]
    with whole_output(CORRECTIONS) as partial:
        pd.concat([there, added]).to_csv(partial, index=False, lineterminator="\n")
    print(
        f"{plural(len(added), 'correction')} added to {CORRECTIONS}. Look through them beside {ERRORS}: remove the "
        f"wrong ones, write {drop_word(labels)} for a row to leave out, then commit the file and run dvc repro."
    )


if __name__ == "__main__":
    run(main, inputs_of="export")  # after evaluate, whose tables are read here
