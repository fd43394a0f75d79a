"""Run the frozen blocks below the lowest adapter once, and train the blocks above on their stored output.

Where adapters sit only in the top blocks, the blocks below are the same function of the text in every epoch and in
every experiment. What they give is kept in half precision in memory-mapped Arrow files in the user's cache folder,
each under a name made from all that it depends on, so that every experiment on the machine finds it there.
"""

import hashlib
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
import transformers
from datasets import Dataset, Features, List, Value
from tqdm import tqdm
from transformers import PreTrainedModel

from stages.common.blocks import Blocks, find_blocks
from stages.common.inference import window_batches
from stages.common.memory import give_back_freed_memory
from stages.common.outputs import locked, remove, whole_output
from stages.common.params import TrainParams
from stages.common.probe import note, probe_batch, probe_logits, probing, reason, text_config, why_not
from stages.common.splits import row_windows
from stages.train_lora import bfloat16, cache, fused
from stages.train_lora.bfloat16 import LENGTH_MULTIPLE
from stages.train_lora.digests import rows_digest

BUILD_ROWS = 16  # texts in a batch while a prefix is built
BYTES_PER_STATE, BYTES_PER_ID = 2, 4  # float16, int32
BYTES_PER_ROW = 32  # its two lengths, its label, and where its lists begin
CHUNK_BYTES = 16_000_000  # written at once: a reader needs memory for each piece, so the pieces are large
REMAP = 10  # reads of a batch
RESERVED = "reserved"  # a file of the size that an entry will have


def prefix_bytes(split: Dataset, width: int) -> int:
    """Return the bytes that the rows of a split take with their prefix, of `width` numbers a token."""
    return int(np.sum(split["length"])) * (width * BYTES_PER_STATE + BYTES_PER_ID) + len(split) * BYTES_PER_ROW


def can_store(model: PreTrainedModel, cut: int, splits: Sequence[Dataset], params: TrainParams) -> bool:
    """Tell whether there is a prefix, whether it fits into the cache, and whether the model gives the same logits.

    What doesn't hold is said.
    """
    if not cut:
        return False
    blocks, limit_bytes = find_blocks(model), params.prefix_cache_gb * 1e9
    needed = sum(prefix_bytes(split, text_config(model.config).hidden_size) for split in splits)
    if needed > limit_bytes:
        different: str | None = f"it takes {needed / 1e9:.3g} GB, and train.prefix_cache_gb is {limit_bytes / 1e9:g}"
    elif not blocks.whole:
        different = "its blocks take turns"
    else:
        different = why_not_on_prefix(model, blocks, cut)
    if different:
        note(f"the frozen blocks run in every epoch, their output is not stored: {different}")
    return not different


def why_not_on_prefix(model: PreTrainedModel, blocks: Blocks, cut: int) -> str | None:
    """Return why the model does not give the same logits on a stored prefix, or None when it does."""
    batch = probe_batch(model)
    expected = probe_logits(model, batch)
    try:
        with probing(model):
            states = states_before(model, blocks[cut], batch)
            if states.shape[:2] != batch["input_ids"].shape:
                return f"its states are {tuple(states.shape)}, not texts x tokens x width"
            if not torch.isfinite(states.half()).all():
                return "its states are too large for half precision"
            with replayed_prefix(model, blocks, cut):
                return why_not(model, {**batch, "prefix": states.to(expected)}, expected)
    except Exception as error:  # whatever an architecture's own code raises
        return reason(error)


class NoRoom(Exception):
    """The cache is full of what other runs are reading."""


@contextmanager
def with_prefix(
    model: PreTrainedModel, blocks: Blocks, cut: int, split: Dataset, digest: str, limit_bytes: int
) -> Iterator["PrefixRows"]:
    """Give the rows of `split`, each with `prefix`, what enters block `cut`: float16, length x width numbers.

    It comes from the cache, or is computed and put there. To make room, the files unused for longest go, but none that
    a run is reading: those of this one stay until the block ends. A file that no longer matches its checksum is made
    anew.

    Raises:
        NoRoom: when it doesn't fit in `limit_bytes` beside what others are reading.
    """
    entry = cache.cache_dir("prefix") / entry_name(model, cut, split, digest)
    with ExitStack() as lease:
        with cache.held(entry):
            if entry.exists() and not cache.intact(entry):
                print(f"warning: {entry} is damaged: computing it anew", file=sys.stderr)
                remove(entry)
            if not entry.exists():
                with whole_output(entry) as folder:
                    folder.mkdir()
                    reserve(folder, prefix_bytes(split, text_config(model.config).hidden_size), limit_bytes)
                    build(model, blocks, cut, split, folder / "prefix.arrow")
                    (folder / RESERVED).unlink()
                    cache.seal(folder)
            lease.enter_context(cache.leased(entry))
        os.utime(entry, ns=(time.time_ns(),) * 2)  # finer than the kernel's own clock for files
        yield PrefixRows(entry / "prefix.arrow")


def entry_name(model: PreTrainedModel, cut: int, split: Dataset, digest: str) -> str:
    """Return a hash of all that decides the stored prefix: weights, rows, place, number format, libraries and code."""
    used = [module for module in cache.loaded_modules() if module.__name__.startswith(("stages.common.", "predict."))]
    code = cache.code_digest([*used, bfloat16, fused, sys.modules[__name__]])
    versions = f"{torch.__version__} {transformers.__version__} {code}"
    parts = f"{digest} {rows_digest(split)} {cut} {compute_dtype(model)} {versions}"
    return hashlib.sha256(parts.encode()).hexdigest()


def reserve(folder: Path, needed: int, limit_bytes: int) -> None:
    """Make room for `needed` bytes in a folder of the cache, and keep it from other runs until they are written.

    Raises:
        NoRoom: when what others read or build leaves too little.
    """
    home = folder.parent
    cache.sweep(home)
    with locked(home / "room"):
        taken = {entry: cache.size(entry) for entry in home.glob("[0-9a-f]*")}
        reserved = sum(path.stat().st_size for path in home.glob(f".*.partial/{RESERVED}"))
        for entry in sorted(taken, key=cache.last_used):
            if sum(taken.values()) + reserved + needed > limit_bytes and cache.remove_unused(entry):
                del taken[entry]
        if sum(taken.values()) + reserved + needed > limit_bytes:
            raise NoRoom
        with (folder / RESERVED).open("wb") as file:
            file.truncate(needed)  # a size without content: it takes no space


class PrefixRows(torch.utils.data.Dataset):
    """Rows of a memory-mapped file, their lists as tensors that are views of it.

    The file is mapped anew after every REMAP reads: what was read is then given back to the operating system, so that
    the memory in use stays the same however many rows there are.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.reads = 0
        self.rows = Dataset.from_file(str(path)).with_format("arrow")

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, row: int) -> dict[str, Any]:
        return self.__getitems__([row])[0]

    def __getitems__(self, rows: list[int]) -> list[dict[str, Any]]:
        self.reads += 1
        if self.reads % REMAP == 0:
            del self.rows
            self.rows = Dataset.from_file(str(self.path)).with_format("arrow")
        return [
            {name: unpack(column[0]) for name, column in zip(table.column_names, table.columns, strict=True)}
            for table in (self.rows[row : row + 1] for row in rows)
        ]


def unpack(value: pa.Scalar) -> Any:
    return torch.from_dlpack(value.values) if isinstance(value, pa.ListScalar) else value.as_py()


def compute_dtype(model: PreTrainedModel) -> str:
    """Return the kind of device and the number format that the model's matrices are multiplied in."""
    device = next(model.parameters()).device.type
    dtype = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else torch.float32
    return f"{device} {dtype}"


def build(model: PreTrainedModel, blocks: Blocks, cut: int, split: Dataset, path: Path) -> None:
    """Write the rows of `split`, each with what enters block `cut`; sorted by length, they need little padding."""
    schema = Features({**split.features, "prefix": List(Value("float16"))}).arrow_schema
    multiple = LENGTH_MULTIPLE if torch.is_autocast_enabled(model.device.type) else 1
    starts = tqdm(range(0, len(split), BUILD_ROWS), desc="frozen prefix", unit_scale=BUILD_ROWS, unit="text")
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, schema) as writer:
        tables: list[pa.Table] = []
        for start in starts:
            rows = split[start : start + BUILD_ROWS]
            texts = row_windows(rows)
            batches = window_batches(texts, BUILD_ROWS, model.config.pad_token_id, multiple)
            states = (padded.half() for batch in batches for padded in states_before(model, blocks[cut], batch))
            prefix = [
                np.concatenate([next(states)[: len(window.ids)].flatten().numpy() for window in windows])
                for windows in texts
            ]
            tables.append(pa.Table.from_pydict({**rows, "prefix": prefix}, schema=schema))
            if start + BUILD_ROWS >= len(split) or sum(table.nbytes for table in tables) >= CHUNK_BYTES:
                writer.write_table(pa.concat_tables(tables).combine_chunks())
                tables.clear()
                pa.default_memory_pool().release_unused()
    give_back_freed_memory()


class _Reached(Exception):
    """Carries the hidden states out of the model, so that the blocks above do not run."""


def states_before(model: PreTrainedModel, block: torch.nn.Module, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    """Return the hidden states that enter `block`, (batch, length, width) on the CPU."""

    def reached(_: torch.nn.Module, args: tuple, kwargs: dict) -> None:
        raise _Reached(first_argument(args, kwargs))

    hook = block.register_forward_pre_hook(reached, with_kwargs=True)
    device = next(model.parameters()).device
    try:
        with torch.inference_mode():
            model(**{name: tensor.to(device) for name, tensor in batch.items()})
    except _Reached as reached_block:
        return reached_block.args[0].cpu()
    finally:
        hook.remove()
    raise AssertionError("a block of the model did not run")


def first_argument(args: tuple, kwargs: dict) -> torch.Tensor:
    return args[0] if args else kwargs["hidden_states"]


class _Replayed(torch.nn.Module):
    """Takes the place of a frozen block: gives the stored states, or passes on what it is given."""

    def __init__(self, block: torch.nn.Module, rest: tuple[None, ...] | None) -> None:
        super().__init__()
        self.states: torch.Tensor | None = None
        self.rest = rest
        self.asked = [block]  # in a list: not as a part of this module

    def __getattr__(self, name: str) -> Any:
        """Answer what some models ask a block for, such as its kind of attention, as the block would."""
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(self.__dict__["asked"][0], name)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        states = first_argument(args, kwargs) if self.states is None else self.states
        return states if self.rest is None else (states, *self.rest)


@contextmanager
def replayed_prefix(model: PreTrainedModel, blocks: Blocks, cut: int) -> Iterator[None]:
    """Let `model` take `prefix`, float (batch, length, width), beside its usual inputs, and start at block `cut`.

    Embeddings, masks and positions are still made from the usual inputs: they cost next to nothing.
    """
    frozen = [blocks[place] for place in range(cut)]
    rest = beside_states(model, frozen[0])
    for place, block in enumerate(frozen):
        blocks[place] = _Replayed(block, rest)
    first = blocks[0]

    def take_prefix(_: torch.nn.Module, args: tuple, kwargs: dict) -> tuple[tuple, dict]:
        first.states = kwargs.pop("prefix")
        return args, kwargs

    hook = model.register_forward_pre_hook(take_prefix, with_kwargs=True)
    try:
        yield
    finally:
        hook.remove()
        for place, block in enumerate(frozen):
            blocks[place] = block


def beside_states(model: PreTrainedModel, block: torch.nn.Module) -> tuple[None, ...] | None:
    """Return None where the architecture's blocks give bare states, else what must stand after them in a tuple."""
    outputs: list[Any] = []
    hook = block.register_forward_hook(lambda _module, _inputs, output: outputs.append(output))
    probe_logits(model, probe_batch(model))
    hook.remove()
    return (None,) * (len(outputs[0]) - 1) if isinstance(outputs[0], tuple) else None
