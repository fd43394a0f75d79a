"""Name, find and remove the checkpoints of a run."""

import hashlib
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import peft
import torch
import transformers
from datasets import Dataset

from stages.common.decisive import decisive
from stages.common.errors import UserError
from stages.common.outputs import remove
from stages.common.params import Params
from stages.train_lora import cache, prefix
from stages.train_lora.launcher import RANK, WORLD_SIZE


def run_key(params: Params, digest: str, train: Dataset, validation: Dataset) -> str:
    """Return a name for a run, made from all that decides its outcome."""
    parts = [json.dumps(decisive(section)) for section in (params.lora, params.train)] + [digest]
    parts += [prefix.rows_digest(split) for split in (train, validation)]
    parts += [cache.file_sha256(path) for path in sorted(Path(__file__).parents[1].rglob("*.py"))]
    parts += [torch.__version__, transformers.__version__, peft.__version__]
    return hashlib.sha256(" ".join(parts).encode()).hexdigest()


@contextmanager
def checkpoint_dir(key: str) -> Iterator[Path]:
    """Give the folder for a run's checkpoints; it goes when the run ends well, or in a mistake of the user's."""
    folder = cache.cache_dir("checkpoints") / key
    with cache.locked(folder) if WORLD_SIZE == 1 else nullcontext():
        folder.mkdir(parents=True, exist_ok=True)
        try:
            yield folder
        except UserError:
            remove(folder)
            raise
        if RANK == 0:
            remove(folder)


def last_checkpoint(folder: Path) -> str | None:
    """Return the last checkpoint that can be gone on from: it and the best one that it names are as they were saved."""
    found = sorted(folder.glob("checkpoint-*"), key=lambda path: int(path.name.partition("-")[2]), reverse=True)
    for checkpoint in found:
        if cache.intact(checkpoint):
            best = json.loads((checkpoint / "trainer_state.json").read_text())["best_model_checkpoint"]
            if best is None or cache.intact(Path(best)):
                print(f"going on from {checkpoint}", file=sys.stderr)
                return str(checkpoint)
        print(f"warning: {checkpoint} is incomplete or damaged: passed over", file=sys.stderr)
    return None
