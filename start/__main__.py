"""From a file of texts and labels to params that train on it: say what it holds, and what to change.

Run: python -m start FILE… [--write], or: make start DATA=FILE
"""

import argparse
import sys
import warnings
from filecmp import cmp
from pathlib import Path
from shutil import copyfile
from typing import Any

from stages.common.errors import UserError, run
from stages.common.outputs import scratch
from stages.common.params import DataParams, Params, load_params
from stages.common.references import resolve_data
from stages.prepare_data.duplicates import drop_unusable
from stages.prepare_data.intake import read_selected
from stages.prepare_data.labels import name_labels
from stages.prepare_data.notes import Notes
from stages.prepare_data.rare import settle_rare
from stages.prepare_data.row_labels import all_labels
from stages.prepare_data.sources import data_sources
from stages.prepare_data.store import Store
from stages.prepare_data.ways import make_splits
from start.cost import estimate_minutes
from start.look import look
from start.report import describe_classes, describe_lengths, describe_splits, lines_of
from start.settings import enough_epochs, settled_params, write_params

SAMPLE_TEXTS = 2000  # of which lengths and cost are told


def main() -> None:
    """Read the files as prepare-data would and print what it would do; with --write, change params.yaml.

    Raises:
        UserError: when the files can't be used, with a remedy.
    """
    warnings.simplefilter("ignore", FutureWarning)  # libraries' notes to one another
    arguments = parse_arguments()
    params = load_params()
    found, changes = look(arguments, params.data)
    with scratch(Path("data/start")) as folder:
        folder.mkdir()
        sizes, train, unknown = describe(arguments, params, found, folder)
    changes |= sizes
    if arguments.write:
        changes["source"] = kept_source(found.source)
    finish({"data": changes, "train": train}, arguments.write, unknown)


def describe(
    arguments: argparse.Namespace, params: Params, found: DataParams, folder: Path
) -> tuple[dict[str, Any], dict[str, Any], float]:
    """Print what prepare-data and train-lora would do; return the sizes of the splits, the keys of the section `train`
    that suit them, and the fraction of the tokens that the base model doesn't know."""
    note = Notes()
    store = Store(folder / "rows", note)
    rows, num_read = read_selected(data_sources(found), found, store)
    labels = name_labels(rows, found)
    num_selected = len(rows)
    rows, dropped = drop_unusable(rows, found, store)
    rows, labels, dropped["rare_class"] = settle_rare(rows, labels, found, note)
    sizes, data = settled_params(rows, labels, found)
    splits = make_splits(rows, data, note)
    print(f"\nrows: {num_read:,} read, {num_read - num_selected:,} without a label or left out by the filter")
    print("dropped: " + (", ".join(f"{count:,} {reason}" for reason, count in dropped.items() if count) or "none"))
    describe_classes(all_labels(rows["label"], found), labels)
    sample = store.read(rows["place"].sample(min(SAMPLE_TEXTS, len(rows)), random_state=0).to_numpy())
    unknown = describe_lengths(sample, params)
    describe_splits(splits)
    epochs = enough_epochs(len(splits["train"]), len(labels), params.train)
    minutes = estimate_minutes(sample, splits, params, labels, epochs)
    print(f"training: {epochs} epochs; at most about {minutes} minutes on this machine, by steps just measured")
    return sizes, {"epochs": epochs}, unknown


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m start", description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="+", metavar="FILE", help="files or folders, as data.source names them")
    parser.add_argument("--write", action="store_true", help="change params.yaml; its comments stay")
    parser.add_argument("--text-column", help="if the guess is wrong")
    parser.add_argument("--text-pair-column", help="with the second text, where a row is a pair of texts")
    parser.add_argument("--label-column", help="if the guess is wrong")
    parser.add_argument("--delimiter", help="the character between the fields of csv files, if it is a rare one")
    return parser.parse_args()


def kept_source(source: Any) -> Any:
    """Keep what `data.source` names, and return what it then says."""
    if isinstance(source, dict):
        return {split: kept_source(part) for split, part in source.items()}
    return keep_files(resolve_data(source, "FILE"))


def keep_files(paths: list[Path]) -> str | list[str]:
    """Copy files from elsewhere to data/raw, on which the pipeline depends; return what `data.source` says of all."""
    sources = []
    for path in paths:
        if path.is_file() and Path("data").resolve() not in path.resolve().parents:
            kept = Path("data/raw") / path.name
            if kept.exists() and not cmp(kept, path, shallow=False):
                raise UserError(f"{kept} is there already and is another file: rename {path}, or remove that one")
            kept.parent.mkdir(parents=True, exist_ok=True)
            copyfile(path, kept)
            print(f"{path} is copied to {kept}: the pipeline notices when it changes there")
            path = kept
        elif path.is_dir() and Path("data").resolve() not in path.resolve().parents:
            print(f"{path} stays where it is: copy it to data/raw for the pipeline to notice when it changes")
        sources.append(str(path))
    return sources[0] if len(sources) == 1 else sources


def finish(changes: dict[str, dict[str, Any]], write: bool, unknown: float) -> None:
    """Print the lines of params.yaml to change, by section, or change them."""
    path = Path("params.yaml")
    lines = lines_of(path, changes)
    if not write:
        print(f"\nIn {path}, set (or run this again with --write):\n{lines}")
        return
    write_params(path, changes)
    print(f"\n{path} now says:\n{lines}\nNext: dvc repro")
    if unknown > 0.2:
        print("but first set model.base to a model of this language", file=sys.stderr)


if __name__ == "__main__":
    run(main)
