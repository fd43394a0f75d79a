"""Read labelled texts, clean them, remove duplicates and split them.

Run: python -m stages.prepare_data
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from stages.common.errors import run_stage
from stages.common.outputs import whole_output, write_json
from stages.common.params import DataParams, load_params
from stages.common.paths import stage_paths
from stages.prepare_data.corrections import correct
from stages.prepare_data.duplicates import drop_unusable
from stages.prepare_data.intake import read_selected
from stages.prepare_data.labels import name_labels
from stages.prepare_data.notes import Notes
from stages.prepare_data.rare import settle_rare
from stages.prepare_data.row_labels import all_labels
from stages.prepare_data.sources import data_sources
from stages.prepare_data.store import Store
from stages.prepare_data.ways import make_splits
from stages.prepare_data.write_tables import list_dropped, write_split


def main() -> None:
    """Leave data/prepared: a parquet file for each split, and labels.json with the class names in order.

    Raises:
        UserError: naming the file, the rows and the reason for which the data can't be used.
    """
    params = load_params().data
    paths = stage_paths("prepare-data")
    note = Notes()
    with whole_output(paths["prepared"]) as folder:
        folder.mkdir()
        store = Store(folder / "rows", note)
        rows, num_read = read_selected(data_sources(params), params, store)
        dropped = {"filter": num_read - len(rows)}
        labels = name_labels(rows, params)
        rows, corrections = correct(rows, labels, paths["corrections.csv"], note, params.multi_label)
        rows, unusable = drop_unusable(rows, params, store)
        rows, labels, dropped["rare_class"] = settle_rare(rows, labels, params, note)
        splits = make_splits(rows, params, note)
        for name, split in splits.items():
            write_split(folder / f"{name}.parquet", split, store)
        (folder / "labels.json").write_text(json.dumps(labels, ensure_ascii=False) + "\n", encoding="utf-8")
        list_dropped(folder / "dropped.csv", store)
        store.remove()
    dropped |= unusable | {"correction": corrections.pop("dropped")}
    metrics = summarise(num_read, dropped, splits, labels, params) | {"corrections": corrections}
    write_json(paths["data.json"], metrics)
    say(metrics, paths["prepared"])


def say(metrics: dict, prepared_dir: Path) -> None:
    """Print what came of the rows."""
    dropped = [f"{count:,} {reason}" for reason, count in metrics["rows_dropped"].items() if count]
    splits = [f"{metrics['rows'][name]['all']:,} {name}" for name in ("train", "validation", "test")]
    unused = f"{metrics['rows_unused']:,} not asked for"
    print(f"prepare-data: {metrics['rows_read']:,} rows read; {', '.join(splits)}; {unused}")
    print(f"dropped: {', '.join(dropped) or 'none'}; all but the filter's are in {prepared_dir}/dropped.csv")
    if changed := metrics["corrections"]["labels"]:
        print(f"labels corrected: {changed:,}")


def summarise(
    read: int, dropped: dict[str, int], splits: dict[str, pd.DataFrame], labels: list[str], params: DataParams
) -> dict:
    """Return metrics/data.json: counts of rows, and quantiles of the kept texts' lengths in characters."""
    kept = pd.concat(splits.values())
    counts = {name: all_labels(rows["label"], params).value_counts() for name, rows in splits.items()}
    characters = kept["characters"]
    return {
        "rows_read": read,
        "rows_dropped": dropped,
        "rows_unused": read - sum(dropped.values()) - len(kept),
        "rows": {
            name: {"all": len(rows), "classes": {label: int(counts[name].get(label, 0)) for label in labels}}
            for name, rows in splits.items()
        },
        "characters": {f"p{q:02d}": float(np.percentile(characters, q)) for q in (5, 25, 50, 75, 95)},
    }


if __name__ == "__main__":
    run_stage(main, "prepare-data")
