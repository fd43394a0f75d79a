"""The store of the frozen blocks' output: bounded, checked, and safe among many runs."""

import multiprocessing
import os
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from datasets import Dataset
from tiny import PARAMS, REPOSITORY

from stages.common import attention
from stages.common.blocks import find_blocks
from stages.common.inference import longest_first
from stages.common.model import load_base
from stages.common.outputs import whole_output
from stages.common.params import load_params
from stages.common.splits import token_features
from stages.train_lora import cache, prefix
from stages.train_lora.adapters import add_adapters

os.environ["PYTHONPATH"] = str(REPOSITORY)  # where the fork server looks
if sys.platform == "win32":
    pytest.skip("Windows has no fork server", allow_module_level=True)
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["stages.train_lora.__main__"])
LABELS = ["negative", "positive"]
RUNS = 8
Store = Callable[..., list[list[float]]]


def rows(count: int = 40) -> Dataset:
    lengths = np.random.default_rng(0).integers(3, 30, size=count).tolist()
    ids = [list(range(5, 5 + length)) for length in lengths]
    columns = {"input_ids": ids, "length": lengths, "num_tokens": lengths, "label": [0] * count}
    split = Dataset.from_dict(columns, features=token_features(LABELS))
    return split.select(longest_first(split))


def store(base_model: Path, digest: str, limit_bytes: int, reads: int = 1) -> list[list[float]]:
    """Store a prefix and read all of it, several times; return it."""
    base, head = load_base(base_model, LABELS)
    model, lowest = add_adapters(base, load_params(PARAMS).lora.model_copy(update={"layers": 1}), head)
    blocks = find_blocks(model)
    with prefix.with_prefix(model.eval(), blocks, lowest, rows(), digest, limit_bytes) as stored:
        for _ in range(reads):
            found = [stored[row]["prefix"].tolist() for row in range(len(stored))]
    return found


def entries() -> list[Path]:
    return sorted(cache.cache_dir("prefix").glob("[0-9a-f]*"))


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return cache.cache_dir("prefix")


def test_a_damaged_prefix_is_computed_anew(
    base_model: Path, empty_cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = store(base_model, "a", 10**9)
    (entry,) = entries()
    content = bytearray((entry / "prefix.arrow").read_bytes())
    content[len(content) // 2] ^= 1
    (entry / "prefix.arrow").write_bytes(content)
    assert store(base_model, "a", 10**9) == first
    assert "is damaged: computing it anew" in capsys.readouterr().err


def test_its_size_is_known_beforehand_token_ids_included(base_model: Path, empty_cache: Path) -> None:
    store(base_model, "a", 10**9)
    (entry,) = entries()
    known = prefix.prefix_bytes(rows(), width=32)
    assert 0.9 * known < cache.size(entry) - 3000 < known  # 3000: the schema and the checksums, of any number of rows


def test_it_forgets_what_was_used_longest_ago(base_model: Path, empty_cache: Path) -> None:
    store(base_model, "a", 10**9)
    (first,) = entries()
    limit = int(2.5 * cache.size(first))
    for digest in ("b", "a", "c"):
        store(base_model, digest, limit)
    assert len(entries()) == 2
    assert first in entries()
    assert [path for path in empty_cache.iterdir() if path.name.startswith(".")] == []  # no locks are left


def test_what_a_run_is_reading_stays(base_model: Path, empty_cache: Path) -> None:
    store(base_model, "a", 10**9)
    (first,) = entries()
    limit = int(1.5 * cache.size(first))
    with cache.leased(first), pytest.raises(prefix.NoRoom):
        store(base_model, "b", limit)
    assert entries() == [first]
    store(base_model, "b", limit)
    assert len(entries()) == 1
    assert first not in entries()


def test_what_killed_runs_left_goes(empty_cache: Path) -> None:
    for name in (".left.partial", ".dead.held.lock", ".dead.1234.lease.lock"):
        (empty_cache / name).touch()
    with whole_output(empty_cache / "written") as partial:
        partial.mkdir()
        cache.sweep(empty_cache)
        assert {path.name for path in empty_cache.iterdir()} == {".written.partial", ".written.lock"}


def test_its_name_follows_libraries_and_code(
    base_model: Path, empty_cache: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def name() -> str:
        return prefix.entry_name(load_base(base_model, LABELS)[0], 1, rows(), "a")

    names = [name(), name()]
    assert names[0] == names[1]
    with monkeypatch.context() as patch:
        patch.setattr("transformers.__version__", "0")
        names.append(name())
    with monkeypatch.context() as patch:
        changed = tmp_path / "stages/common/attention.py"
        changed.parent.mkdir(parents=True)
        changed.write_text("# another way to attend")
        digest, ours = cache.file_sha256, Path(attention.__file__)
        patch.setattr(cache, "file_sha256", lambda path: digest(changed if path == ours else path))
        names.append(name())
    assert len(set(names)) == 3


def run_beside_others(base_model: Path, cache_home: Path, number: int, limit_bytes: int) -> None:
    os.environ["XDG_CACHE_HOME"] = str(cache_home)
    torch.set_num_threads(1)
    for round_ in range(3):
        try:
            store(base_model, f"{number} {round_}", limit_bytes, reads=20)
        except prefix.NoRoom:
            print("no room")


@pytest.mark.nightly
def test_eight_runs_at_once_do_not_take_from_each_other(base_model: Path, empty_cache: Path) -> None:
    store(base_model, "a", 10**9)
    limit = int(3.5 * cache.size(entries()[0]))  # for three of them
    home = empty_cache.parents[1]
    runs = [
        PROCESSES.Process(target=run_beside_others, args=(base_model, home, number, limit)) for number in range(RUNS)
    ]
    for run in runs:
        run.start()
    for run in runs:
        run.join()
    assert [run.exitcode for run in runs] == [0] * RUNS
    assert sum(map(cache.size, entries())) <= limit
    assert [path for path in empty_cache.iterdir() if path.name.startswith(".")] == []
