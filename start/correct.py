"""Turn suspected label errors into corrections, for a person to look through before they are committed.

Run: python -m start.correct [--split train] [--most-score 0.1]
"""

import argparse
from pathlib import Path

import pandas as pd

from stages.common.errors import MissingInput, end
from stages.common.outputs import whole_output
from stages.prepare_data.bad_rows import plural

ERRORS, CORRECTIONS = Path("data/evaluation/label_errors.csv"), Path("data/corrections.csv")


def main() -> None:
    """Add to data/corrections.csv the suggested labels of rows whose own label the model gives little probability."""
    parser = argparse.ArgumentParser(prog="python -m start.correct", description=__doc__.splitlines()[0])
    parser.add_argument("--split", default="train", choices=["train", "test"], help="of the rows; train unless said")
    parser.add_argument("--most-score", type=float, default=0.1, help="probability of the row's own label, at most")
    arguments = parser.parse_args()
    if not ERRORS.exists():
        raise MissingInput(f"{ERRORS} is not there: `dvc repro evaluate` makes it")
    errors = pd.read_csv(ERRORS)
    errors = errors[(errors["split"] == arguments.split) & (errors["score"] <= arguments.most_score)]
    rows = pd.read_parquet(f"data/prepared/{arguments.split}.parquet", columns=["origin", "row_id"])
    added = errors.merge(rows, on="origin", suffixes=("_", ""))[["row_id", "suggested"]]
    added = added.rename(columns={"suggested": "label"})
    there = pd.read_csv(CORRECTIONS, dtype=str, keep_default_na=False)
    added = added[~added["row_id"].isin(there["row_id"])]
    with whole_output(CORRECTIONS) as partial:
        pd.concat([there, added]).to_csv(partial, index=False, lineterminator="\n")
    print(
        f"{plural(len(added), 'correction')} added to {CORRECTIONS}. Look through them beside {ERRORS}: remove the "
        "wrong ones, write drop for a row to leave out, then commit the file and run dvc repro."
    )


if __name__ == "__main__":
    try:
        main()
    except BaseException as error:
        end(error)
        raise
