"""Turn the prepared texts into token ids with the base model's own tokenizer.

Run: python -m stages.tokenize
"""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from tqdm import tqdm
from transformers import AutoConfig, PreTrainedTokenizerBase

from stages.common.errors import UserError, run_stage
from stages.common.outputs import whole_output, write_json
from stages.common.params import TokenizeParams, load_params
from stages.common.paths import stage_paths
from stages.common.references import resolve_model
from stages.common.splits import SPLITS, split_path, token_features
from stages.common.text_columns import text_columns
from stages.common.tokenizer import TextEncoder

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
    texts = text_columns(pq.read_schema(paths["prepared"] / "train.parquet").names)
    encoder = TextEncoder(base, params.tokenize, pairs=len(texts) == 2)
    check_max_length(params.tokenize, base, encoder.tokenizer)
    labels = json.loads((paths["prepared"] / "labels.json").read_text(encoding="utf-8"))
    with whole_output(paths["tokenized"]) as folder:
        folder.mkdir()
        counted = {split: tokenize_split(paths["prepared"], split, texts, folder, encoder, labels) for split in SPLITS}
        for split, (_, unknown) in counted.items():
            check_known(split, unknown, params.model.base)
    metrics = summarise(counted, params.tokenize)
    cut = ", ".join(f"{metrics[split]['truncated_fraction']:.0%} of the {split}" for split in SPLITS)
    print(f"tokenize: tokenize.max_length ({params.tokenize.max_length}) cuts {cut} texts")
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


def check_max_length(params: TokenizeParams, base: Path, tokenizer: PreTrainedTokenizerBase) -> None:
    """Raise UserError when the base model takes fewer tokens, or can't be described without running its own code."""
    try:
        config = AutoConfig.from_pretrained(base, trust_remote_code=False)
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"model.base: {base} can't be loaded: {' '.join(str(error).split())}") from error
    text = getattr(config, "text_config", config)  # of a model that also sees images
    positions = getattr(text, "max_position_embeddings", None) or 0  # XLNet's are -1: any number
    limit = min(positions if positions > 0 else params.max_length, tokenizer.model_max_length)
    if params.max_length > limit:
        raise UserError(
            f"tokenize.max_length: the base model takes at most {limit} tokens; however: {params.max_length}"
        )


def tokenize_split(
    prepared_dir: Path,
    split: str,
    texts: list[str],
    folder: Path,
    encoder: TextEncoder,
    labels: list[str],
) -> tuple[np.ndarray, float]:
    """Write one split; return the number of tokens of each whole row, int (n,), and the fraction of the tokens kept,
    special ones aside, that the tokenizer doesn't know. `texts` are the columns with the texts."""
    prepared = pq.ParquetFile(prepared_dir / f"{split}.parquet")
    numbers = {label: number for number, label in enumerate(labels)}
    segments = encoder.layout.segments is not None
    schema = token_features(labels, segments).arrow_schema
    counts = []
    special = kept_tokens = unknown = 0
    with (
        pa.OSFile(str(split_path(folder, split)), "wb") as file,
        pa.ipc.new_stream(file, schema) as writer,
        tqdm(total=prepared.metadata.num_rows, desc=f"tokenize {split}", unit="text") as bar,
    ):
        for rows in prepared.iter_batches(batch_size=CHUNK_ROWS, columns=[*texts, "label"]):
            kept, whole = encoder.encode(*(rows[name].to_pylist() for name in texts))
            counts.append(np.array(whole, dtype=np.int32))
            special += encoder.layout.num_special * len(kept)
            kept_tokens += sum(len(window.ids) for window in kept)
            unknown += sum(window.ids.count(encoder.tokenizer.unk_token_id) for window in kept)
            columns = {
                "input_ids": [window.ids for window in kept],
                **({"token_type_ids": [window.segments for window in kept]} if segments else {}),
                "length": [len(window.ids) for window in kept],
                "num_tokens": counts[-1],
                "label": [numbers[label] for label in rows["label"].to_pylist()],
            }
            writer.write_table(pa.Table.from_pydict(columns, schema=schema))
            bar.update(len(rows))
    return np.concatenate(counts), unknown / max(1, kept_tokens - special)


def summarise(counted: dict[str, tuple[np.ndarray, float]], params: TokenizeParams) -> dict:
    """Return metrics/tokenize.json: quantiles of the texts' lengths in tokens, how many are truncated,
    and how many tokens are unknown."""
    return {
        split: {
            "tokens": {f"p{q:02d}": float(np.percentile(counts, q)) for q in (5, 25, 50, 75, 95)},
            "truncated_fraction": float((counts > params.max_length).mean()),
            "unknown_fraction": unknown,
            "kept_tokens": int(np.minimum(counts, params.max_length).sum()),
        }
        for split, (counts, unknown) in counted.items()
    }


if __name__ == "__main__":
    run_stage(main)
