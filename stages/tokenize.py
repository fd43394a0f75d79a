"""Turn the prepared texts into token ids with the base model's own tokenizer.

Run: python -m stages.tokenize
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from tqdm import tqdm

from stages.common.errors import UserError, run_stage
from stages.common.label_sets import names_of
from stages.common.limits import check_limits
from stages.common.outputs import whole_output, write_json
from stages.common.params import TokenizeParams, load_params
from stages.common.paths import stage_paths
from stages.common.references import resolve_model
from stages.common.splits import SPLITS, split_path, token_columns, token_features
from stages.common.text_columns import text_columns
from stages.common.tokenizer import TextEncoder

WORTH_A_WORD = 0.05  # of the tokens unknown, or of the texts cut
NEXT_TO_ALL = 0.9  # of the tokens unknown
CHUNK_ROWS = 1000  # texts tokenized at once: bounds memory


def main() -> None:
    """Leave data/tokenized: an Arrow file for each split, and token statistics.

    Raises:
        UserError: when `tokenize.max_length` is more than the base model takes, or the tokenizer is another model's.
    """
    params = load_params()
    paths = stage_paths("tokenize")
    base = resolve_model(params.model.base, "model.base")
    texts = text_columns(pq.read_schema(paths["prepared"] / "train.parquet").names)
    encoder = TextEncoder(base, params.tokenize, pairs=len(texts) == 2)
    check_limits(params.tokenize, base, encoder.tokenizer)
    labels = json.loads((paths["prepared"] / "labels.json").read_text(encoding="utf-8"))
    with whole_output(paths["tokenized"]) as folder:
        folder.mkdir()
        counted = {
            split: tokenize_split(paths["prepared"], split, texts, folder, encoder, labels, params.data.multi_label)
            for split in SPLITS
        }
        for split, (_, unknown) in counted.items():
            check_known(split, unknown, params.model.base)
    metrics = summarise(counted, params.tokenize)
    say(metrics, params.tokenize)
    write_json(paths["tokenize.json"], metrics)


def check_known(split: str, unknown: float, base: str) -> None:
    """Say which fraction of a split's tokens the tokenizer doesn't know, if it is worth a word.

    Raises:
        UserError: when it knows next to none.
    """
    found = f"{unknown:.0%} of the tokens of the {split} texts are unknown to {base}"
    if unknown > NEXT_TO_ALL:
        raise UserError(f"model.base: {found}: choose one that reads the language of the texts")
    if unknown > WORTH_A_WORD:
        print(f"WARNING: {found}: a base model of their language may read them better")


def tokenize_split(
    prepared_dir: Path,
    split: str,
    texts: list[str],
    folder: Path,
    encoder: TextEncoder,
    labels: list[str],
    multi_label: bool,
) -> tuple[pd.DataFrame, float]:
    """Write one split; return the counts of each row, and the fraction of the tokens kept, special ones aside, that the
    tokenizer doesn't know.

    Args:
        texts: the columns with the texts.
    """
    prepared = pq.ParquetFile(prepared_dir / f"{split}.parquet")
    numbers = {label: number for number, label in enumerate(labels)}
    layout = encoder.layout
    windowed = layout.long_texts == "windows"
    schema = token_features(labels, layout.segments is not None, windowed, multi_label).arrow_schema
    counted = []
    unknown = 0
    with (
        pa.OSFile(str(split_path(folder, split)), "wb") as file,
        pa.ipc.new_stream(file, schema) as writer,
        tqdm(total=prepared.metadata.num_rows, desc=f"tokenize {split}", unit="text") as bar,
    ):
        for rows in prepared.iter_batches(batch_size=CHUNK_ROWS, columns=[*texts, "label"]):
            windows, counts = encoder.encode(*(rows[name].to_pylist() for name in texts))
            columns = {**token_columns(windows), **counts}
            columns["label"] = [
                [numbers[name] for name in names_of(label)] if multi_label else numbers[label]
                for label in rows["label"].to_pylist()
            ]
            writer.write_table(pa.Table.from_pydict({name: columns[name] for name in schema.names}, schema=schema))
            unknown += sum(ids.count(encoder.tokenizer.unk_token_id) for ids in columns["input_ids"])
            columns = {**counts, "length": columns["length"], "windows": [*map(len, windows)]}
            counted.append(pd.DataFrame(columns, dtype=np.int32))
            bar.update(len(rows))
    found = pd.concat(counted)
    kept = found["length"].sum() - layout.num_special * found["windows"].sum()
    return found, unknown / max(1, int(kept))


def summarise(counted: dict[str, tuple[pd.DataFrame, float]], params: TokenizeParams) -> dict:
    """Return metrics/tokenize.json: quantiles of the texts' lengths in tokens, how many are truncated, how many tokens
    are unknown; where long texts are cut into windows, how many there are, and how many texts have several."""
    metrics = {}
    for split, (rows, unknown) in counted.items():
        metrics[split] = {
            "tokens": {f"p{q:02d}": float(np.percentile(rows["num_tokens"], q)) for q in (5, 25, 50, 75, 95)},
            "truncated_fraction": float((rows["num_kept"] < rows["num_tokens"]).mean()),
            "unknown_fraction": unknown,
            "kept_tokens": int(rows["length"].sum()),
        }
        if params.long_texts == "windows":
            several = float((rows["windows"] > 1).mean())
            metrics[split] |= {"windows": int(rows["windows"].sum()), "several_windows_fraction": several}
    return metrics


def say(metrics: dict, params: TokenizeParams) -> None:
    """Print how much of the texts is read."""

    def shares(name: str) -> str:
        return ", ".join(f"{metrics[split][name]:.0%} of the {split}" for split in SPLITS) + " texts"

    if params.long_texts == "windows":
        print(f"tokenize: {shares('several_windows_fraction')} are read in several windows")
        print(f"tokenize: tokenize.max_windows ({params.max_windows}) cuts {shares('truncated_fraction')}")
        return
    print(f"tokenize: tokenize.max_length ({params.max_length}) cuts {shares('truncated_fraction')}")
    if max(metrics[split]["truncated_fraction"] for split in SPLITS) > WORTH_A_WORD:
        print("tokenize: what is cut is not read; tokenize.long_texts: windows reads all of it, in more time")


if __name__ == "__main__":
    run_stage(main, "tokenize")
