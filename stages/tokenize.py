"""Turn the prepared texts into token ids with the base model's own tokenizer.

Run: python -m stages.tokenize
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from tqdm import tqdm
from transformers import AutoConfig, PreTrainedTokenizerBase

from stages.common.errors import UserError, run_stage
from stages.common.outputs import whole_output, write_json
from stages.common.params import TokenizeParams, load_params
from stages.common.paths import stage_paths
from stages.common.references import resolve_model
from stages.common.splits import SPLITS, read_split, split_path, token_features
from stages.common.tokenizer import encode_texts, load_tokenizer

WORTH_A_WORD, NEXT_TO_ALL = 0.05, 0.9  # unknown tokens
CHUNK_ROWS = 1000  # texts tokenized at once: bounds memory


def main() -> None:
    """Leave data/tokenized: an Arrow file for each split, and token statistics.

    Raises:
        UserError: when `tokenize.max_length` is more than the base model takes.
    """
    params = load_params()
    paths = stage_paths("tokenize")
    base = resolve_model(params.model.base, "model.base")
    tokenizer = load_tokenizer(base)
    check_max_length(params.tokenize, base, tokenizer)
    labels = json.loads((paths["prepared"] / "labels.json").read_text(encoding="utf-8"))
    with whole_output(paths["tokenized"]) as folder:
        folder.mkdir()
        num_tokens = {
            split: tokenize_split(paths["prepared"], split, folder, tokenizer, params.tokenize, labels)
            for split in SPLITS
        }
        check_known(folder, tokenizer, params.model.base)
    metrics = summarise(num_tokens, params.tokenize)
    cut = metrics["train"]["truncated_fraction"]
    print(f"tokenize: tokenize.max_length ({params.tokenize.max_length}) cuts {cut:.0%} of the train texts")
    write_json(paths["tokenize.json"], metrics)


def check_known(folder: Path, tokenizer: PreTrainedTokenizerBase, base: str) -> None:
    """Say which fraction of the train split's first tokens the tokenizer doesn't know, if it is worth a word.

    Raises:
        UserError: when it knows next to none.
    """
    if tokenizer.unk_token_id is None:
        return
    first = read_split(folder, "train").select_columns("input_ids")[:CHUNK_ROWS]["input_ids"]
    special = set(tokenizer.all_special_ids) - {tokenizer.unk_token_id}
    ids = [token for row in first for token in row if token not in special]
    unknown = ids.count(tokenizer.unk_token_id) / max(1, len(ids))
    found = f"{unknown:.0%} of the tokens of the first {len(first):,} train texts are unknown to {base}"
    if unknown > NEXT_TO_ALL:
        raise UserError(f"model.base: {found}: choose one that reads the language of the texts")
    if unknown > WORTH_A_WORD:
        print(f"WARNING: {found}: a base model of their language may read them better")


def check_max_length(params: TokenizeParams, base: Path, tokenizer: PreTrainedTokenizerBase) -> None:
    positions = getattr(AutoConfig.from_pretrained(base), "max_position_embeddings", None) or params.max_length
    limit = min(positions, tokenizer.model_max_length)
    if params.max_length > limit:
        raise UserError(
            f"tokenize.max_length: the base model takes at most {limit} tokens; however: {params.max_length}"
        )


def tokenize_split(
    prepared_dir: Path,
    split: str,
    folder: Path,
    tokenizer: PreTrainedTokenizerBase,
    params: TokenizeParams,
    labels: list[str],
) -> np.ndarray:
    """Write one split and return the number of tokens of each whole text, int (n,)."""
    rows = pd.read_parquet(prepared_dir / f"{split}.parquet", columns=["text", "label"])
    numbers = rows["label"].map({label: number for number, label in enumerate(labels)}).to_numpy()
    schema = token_features(labels).arrow_schema
    counts = []
    with (
        pa.OSFile(str(split_path(folder, split)), "wb") as file,
        pa.ipc.new_stream(file, schema) as writer,
        tqdm(total=len(rows), desc=f"tokenize {split}", unit="text") as bar,
    ):
        for start in range(0, len(rows), CHUNK_ROWS):
            texts = rows["text"].iloc[start : start + CHUNK_ROWS].tolist()
            kept, whole = encode_texts(tokenizer, texts, params)
            counts += whole
            columns = {
                "input_ids": kept,
                "length": [len(ids) for ids in kept],
                "num_tokens": counts[start:],
                "label": numbers[start : start + CHUNK_ROWS],
            }
            writer.write_table(pa.Table.from_pydict(columns, schema=schema))
            bar.update(len(texts))
    return np.array(counts)


def summarise(num_tokens: dict[str, np.ndarray], params: TokenizeParams) -> dict:
    """Return metrics/tokenize.json: quantiles of the texts' lengths in tokens, and how many are truncated."""
    return {
        split: {
            "tokens": {f"p{q:02d}": float(np.percentile(counts, q)) for q in (5, 25, 50, 75, 95)},
            "truncated_fraction": float((counts > params.max_length).mean()),
            "kept_tokens": int(np.minimum(counts, params.max_length).sum()),
        }
        for split, counts in num_tokens.items()
    }


if __name__ == "__main__":
    run_stage(main)
