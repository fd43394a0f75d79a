"""Name, find and remove the checkpoints of a run."""

import hashlib
import json
import sys
import time
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
from stages.train_lora import cache
from stages.train_lora.digests import rows_digest
from stages.train_lora.launcher import RANK

KEPT_DAYS = 14  # that checkpoints wait for their run to be started again
KEPT_BYTES = 10 * 2**30  # of all runs that were given up; beyond, the oldest go


def run_key(params: Params, digest: str, train: Dataset, validation: Dataset) -> str:
    """Return a name for a run, made from all that decides its outcome."""
    parts = [json.dumps(decisive(section)) for section in (params.lora, params.train)]
    parts += [params.tokenize.window_pooling, digest]
    parts += [rows_digest(split) for split in (train, validation)]
    parts += [cache.code_digest(cache.loaded_modules())]
    parts += [torch.__version__, transformers.__version__, peft.__version__]
    return hashlib.sha256(" ".join(parts).encode()).hexdigest()


@contextmanager
def checkpoint_dir(key: str) -> Iterator[Path]:
    """Give the folder for a run's checkpoints; it goes when the run ends well, or in a mistake of the user's.

    Of several processes that train together, the first alone locks and removes it.
    """
    folder = cache.cache_dir("checkpoints") / key
    folder.mkdir(parents=True, exist_ok=True)
    if RANK == 0:
        remove_abandoned(folder)
    with cache.held(folder) if RANK == 0 else nullcontext():
        folder.mkdir(exist_ok=True)  # the run that held it has ended and removed it
        try:
            yield folder
        except UserError:
            if RANK == 0:
                remove(folder)
            raise
        if RANK == 0:
            remove(folder)


def remove_abandoned(own: Path) -> None:
    """Remove checkpoints of runs that were given up: those older than KEPT_DAYS, and the oldest beyond KEPT_BYTES."""
    cache.sweep(own.parent)
    others = sorted((path for path in own.parent.glob("[0-9a-f]*") if path != own), key=last_written, reverse=True)
    kept_bytes = 0
    for folder in others:
        size, days = cache.size(folder), (time.time() - last_written(folder)) / 86400
        if kept_bytes + size > KEPT_BYTES or days > KEPT_DAYS:
            if cache.remove_unused(folder):
                what = f"checkpoints of a run given up {days:.0f} days ago ({size / 1e6:.0f} MB)"
                print(f"removed {what}: {folder}", file=sys.stderr)
        else:
            kept_bytes += size


def last_written(folder: Path) -> float:
    """Return the time of the newest checkpoint in a folder, in seconds since 1970."""
    return max(map(cache.last_used, [folder, *folder.glob("*")]))


def last_checkpoint(folder: Path) -> str | None:
    """Return the newest checkpoint that is complete: its files, and those of the best one it names, are as saved."""
    found = sorted(folder.glob("checkpoint-*"), key=lambda path: int(path.name.partition("-")[2]), reverse=True)
    for checkpoint in found:
        if cache.intact(checkpoint):
            best = json.loads((checkpoint / "trainer_state.json").read_text(encoding="utf-8"))["best_model_checkpoint"]
            if best is None or cache.intact(Path(best)):
                say(f"going on from {checkpoint}")
                return str(checkpoint)
        say(f"warning: {checkpoint} is incomplete or damaged: passed over")
    return None


def say(line: str) -> None:
    """Print a line on the screen once, however many processes there are."""
    if RANK == 0:
        print(line, file=sys.stderr)
