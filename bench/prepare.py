"""Measure prepare-data and tokenize on many made-up rows: speed, peak memory, and how many planted copies are found.

The rows are some 400 characters of words as unequally common as those of a language, each with a set phrase. For every
50,000 rows a text is planted with 5 copies, one with 60 and one with 500, each copy edited in up to a third of its
words, and all of them anywhere in the file.

Run: python -m bench.prepare [--rows N] [--no-tokenize]
"""

import argparse
import csv
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import wraps
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from ruamel.yaml import YAML

from stages.common.memory import peak_memory_gib

WORDS, PHRASES, PHRASE_WORDS = 200_000, 20_000, 6
TEXT_WORDS = (70, 130)
COPIES, ROWS_A_SET = (5, 60, 500), 50_000
MOST_EDITED = 1 / 3
STEPS = {
    "stages.prepare_data": ["read_selected", "name_labels", "correct", "drop_unusable", "make_splits", "write_split"],
    "stages.tokenize": ["tokenize_split"],
}
ROOT = Path(__file__).parents[1]


def main() -> None:
    """Print what each stage and its steps took, and what became of the planted copies."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=50_000, help="rows of the file (default: 50,000, the least)")
    parser.add_argument("--no-tokenize", action="store_true", help="measure prepare-data alone")
    parser.add_argument("--stage", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.stage:
        run_stage(chosen.stage)
        return
    with tempfile.TemporaryDirectory() as folder:
        size = make_project(Path(folder), max(ROWS_A_SET, chosen.rows))
        print(f"{chosen.rows:,} rows, {size / 1e6:,.0f} MB")
        for stage in list(STEPS)[: 1 if chosen.no_tokenize else 2]:
            measure(stage, Path(folder), chosen.rows)
        print_recall(Path(folder), chosen.rows)


def make_project(folder: Path, rows: int) -> int:
    """Write the rows and params that read them; return the bytes of the rows."""
    for code in ("bench", "predict", "stages", "dvc.yaml"):
        (folder / code).symlink_to(ROOT / code)
    (folder / "data/raw").mkdir(parents=True)
    shutil.copy(ROOT / "data/corrections.csv", folder / "data")
    path = folder / "data/raw/rows.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label", "family"])
        writer.writerows(made_rows(rows))
    yaml = YAML()
    params = yaml.load(ROOT / "params.yaml")
    params["data"] |= {"source": "data/raw/rows.csv", "filter": None, "labels": None, "split": "random"}
    params["data"] |= {"train_rows": None, "validation_rows": rows // 50, "test_rows": rows // 50}
    yaml.dump(params, folder / "params.yaml")
    return path.stat().st_size


def made_rows(count: int) -> Iterator[tuple[str, str, str]]:
    """Yield texts, labels, and the number of the family of planted copies or nothing."""
    random = np.random.default_rng(0)
    letters = str.maketrans("0123456789abcdef", "etaoinshrdlucmfw")
    words = np.array([f"{number:x}".translate(letters) for number in range(WORDS)], dtype=object)
    phrases = [choose(random, words, PHRASE_WORDS) for _ in range(PHRASES)]
    sizes = [1 + copies for copies in COPIES] * (count // ROWS_A_SET)
    members = [(family, member) for family, size in enumerate(sizes) for member in range(size)]
    families = dict(zip(random.choice(count, len(members), replace=False).tolist(), members, strict=True))
    originals: dict[int, np.ndarray] = {}
    for row in range(count):
        if row in families:
            family, member = families[row]
            text = originals.setdefault(family, choose(random, words, TEXT_WORDS[1])).copy()
            edited = (random.random(len(text)) < random.uniform(0, MOST_EDITED)) & (member > 0)
            text[edited] = choose(random, words, int(edited.sum()))
            yield " ".join(text), "planted", str(family)
        else:
            text = choose(random, words, int(random.integers(*TEXT_WORDS)))
            set_phrase = phrases[int(PHRASES ** random.random()) - 1]
            yield " ".join([*text, *set_phrase]), ["even", "odd"][row % 2], ""


def choose(random: np.random.Generator, words: np.ndarray, count: int) -> np.ndarray:
    """Return words of which the one of rank r is there about 1 / r as often as the first (Zipf's law)."""
    return words[(len(words) ** random.random(count)).astype(int) - 1]


def measure(stage: str, folder: Path, rows: int) -> None:
    command = [sys.executable, "-m", "bench.prepare", "--stage", stage]
    done = subprocess.run(command, cwd=folder, check=True, stdout=subprocess.PIPE)
    found = json.loads(done.stdout.splitlines()[-1])
    print(f"{stage:22}{'rows/s':>10}{'seconds':>10}{'CPU':>10}{'peak GiB':>10}")
    for name, (seconds, processor, peak) in found.items():
        print(f"  {name:20}{rows / seconds:10,.0f}{seconds:10,.1f}{processor:10,.1f}{peak:10.2f}")


def run_stage(name: str) -> None:
    """Run a stage in this process, and print what its steps took and its peak memory."""
    module: Any = import_module(f"{name}.__main__" if name == "stages.prepare_data" else name)
    steps: dict[str, tuple[float, float, float]] = {}
    for step in STEPS[name]:
        setattr(module, step, timed(getattr(module, step), steps))
    timed(module.main, steps)()
    print(json.dumps(steps))


def timed(function: Callable, steps: dict[str, tuple[float, float, float]]) -> Callable:
    """Return a function that adds to `steps` the seconds that it takes, those of the processor, and the peak
    memory after it, in GiB."""

    @wraps(function)
    def run(*arguments: Any) -> Any:
        before = time.perf_counter(), time.process_time()
        result = function(*arguments)
        seconds, processor, _ = steps.get(function.__name__, (0.0, 0.0, 0.0))
        seconds += time.perf_counter() - before[0]
        processor += time.process_time() - before[1]
        steps[function.__name__] = (seconds, processor, peak_memory_gib())
        return result

    return run


def print_recall(folder: Path, rows: int) -> None:
    """Say how many of the planted copies were found: of each family, one text is kept."""
    families = len(COPIES) * (rows // ROWS_A_SET)
    planted = sum(COPIES) * (rows // ROWS_A_SET)
    kept = [
        pq.read_table(folder / f"data/prepared/{split}.parquet", columns=["family"])
        for split in ("train", "validation", "test")
    ]
    left = sum(int((table["family"].to_pandas() != "").sum()) for table in kept)
    dropped = pd.read_csv(folder / "data/prepared/dropped.csv", usecols=["label"])
    print(f"planted copies found: {1 - (left - families) / planted:.4f} of {planted:,}")
    print(f"other rows dropped: {int((dropped['label'] != 'planted').sum()):,}")


if __name__ == "__main__":
    main()
