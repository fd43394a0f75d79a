"""Tiny real things: base models with random weights, labelled texts, and clones of this repository that use them."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"  # before torch: tiny models, and as many test processes as cores

import torch
from filelock import FileLock
from ruamel.yaml import YAML
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from transformers import AutoConfig, AutoModel, PreTrainedTokenizerFast

REPOSITORY = Path(__file__).parents[1]
PARAMS = Path(__file__).with_name("params.yaml")  # the tests' own, whatever the repository's are
SUITE = Path(__file__).with_name("behaviour.yaml")
CODE = (
    ".github",
    "predict",
    "review",
    "scoring",
    "sharing",
    "stages",
    "start",
    "data/corrections.csv",
    "dvc.yaml",
    ".dvc",
    ".dvcignore",
    ".gitignore",
    "Makefile",
)
WORDS = ["film", "plot", "actor", "scene", "story", "music", "camera", "ending", "script", "director", "a", "the", "it"]
GOOD, BAD = ["good", "great", "loved", "superb"], ["bad", "awful", "hated", "boring"]
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def save_tokenizer(folder: Path, decoder: bool = False) -> None:
    """Save a tokenizer for the tiny texts: a decoder's, of bytes and pairs of them, adds no special tokens."""
    words = [*WORDS, *GOOD, *BAD, *map(str, range(2000))]
    if decoder:
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        trainer = trainers.BpeTrainer(vocab_size=2000, initial_alphabet=alphabet, special_tokens=SPECIAL)
        tokenizer.train_from_iterator([f" {word}" for word in words], trainer)
    else:
        vocabulary = {word: number for number, word in enumerate([*SPECIAL, *words])}
        tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
        tokenizer.normalizer = normalizers.Lowercase()
        tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
        around = [("[CLS]", vocabulary["[CLS]"]), ("[SEP]", vocabulary["[SEP]"])]
        tokenizer.post_processor = processors.TemplateProcessing(
            single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=around
        )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="[UNK]", pad_token="[PAD]", cls_token="[CLS]", sep_token="[SEP]"
    ).save_pretrained(folder)


def save_base_model(folder: Path, model_type: str = "bert", num_blocks: int = 3) -> Path:
    """Save a tiny base model of an architecture, with random weights from a fixed seed."""
    sizes: dict[str, Any] = {
        "vocab_size": 2100,
        "hidden_size": 32,
        "num_hidden_layers": num_blocks,
        "num_attention_heads": 2,
        "intermediate_size": 64,
        "max_position_embeddings": 128,
        "pad_token_id": 0,
    }
    if model_type == "distilbert":
        sizes |= {"dim": 32, "n_layers": num_blocks, "n_heads": 2, "hidden_dim": 64}
        sizes = {name: value for name, value in sizes.items() if "hidden_" not in name or name == "hidden_dim"}
        del sizes["num_attention_heads"], sizes["intermediate_size"]
    if model_type == "deberta-v2":
        sizes |= {"relative_attention": True, "pos_att_type": ["p2c", "c2p"], "position_buckets": 16}
    if model_type == "modernbert":
        sizes |= {"global_attn_every_n_layers": 2, "local_attention": 8, "cls_token_id": 2, "sep_token_id": 3}
    decoder = model_type in ("qwen2", "qwen3", "llama")
    if decoder:
        sizes |= {"num_key_value_heads": 1, "head_dim": 16, "bos_token_id": 2, "eos_token_id": 3}
    config = AutoConfig.for_model(model_type, **sizes)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        AutoModel.from_config(config).save_pretrained(folder)
    save_tokenizer(folder, decoder)
    return folder


def made_once(folder: Path, make: Callable[[Path], object]) -> Path:
    """Let the first process that wants a folder make it, and the others wait."""
    done = folder.with_suffix(".done")
    with FileLock(folder.with_suffix(".lock")):
        if not done.exists():
            make(folder)
            done.touch()
    return folder


def labelled_texts(count: int, seed: int = 0) -> list[tuple[str, int]]:
    """Return distinct texts, label 1 where good words stand in it and 0 where bad ones do, in alternation."""
    random = Random(seed)
    rows = []
    for number in range(count):
        label = number % 2
        words = [random.choice(GOOD if label else BAD) for _ in range(4)] + random.sample(WORDS, 4)
        words += [str(random.randrange(2000)) for _ in range(random.randrange(3, 12))]
        random.shuffle(words)
        rows.append((" ".join(words), label))
    return rows


def write_csv(path: Path, rows: Sequence[tuple[str, object]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("text,label\n" + "".join(f"{text},{label}\n" for text, label in rows), encoding="utf-8")
    return path


def edit_params(folder: Path, **changes: object) -> None:
    """Set params by dotted key, as `edit_params(folder, **{"lora.r": 4})`."""
    yaml = YAML()
    path = folder / "params.yaml"
    params = yaml.load(path)
    for key, value in changes.items():
        section, _, name = key.partition(".")
        params[section][name] = value
    yaml.dump(params, path)


TINY = {
    "data.source": "data/raw/tiny.csv",
    "data.filter": None,
    "data.split": "random",
    "data.train_rows": 160,
    "data.validation_rows": 40,
    "data.test_rows": 60,
    "tokenize.max_length": 32,
    "lora.alpha": 32,
    "lora.dropout": 0.1,
    "lora.target_modules": "auto",
    "lora.layers": 2,
    "train.epochs": 4,
    "train.batch_size": 16,
    "train.learning_rate": 0.01,
    "train.logging_steps": 5,
    "train.dtype": "float32",  # the same on every processor
}


class Clone:
    """A working copy of this repository with a tiny base model and tiny data, and the real `dvc` and `git`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, *command: str, status: int = 0) -> str:
        """Run a command in the clone and return what it prints; fail unless it exits with `status`."""
        environment = {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "OMP_NUM_THREADS": "1",
        }
        done = subprocess.run(
            command, cwd=self.folder, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        assert done.returncode == status, f"{' '.join(command)} exited with {done.returncode}:\n{done.stdout}"
        return done.stdout

    def commit(self, message: str) -> None:
        self.run("git", "add", "--all")
        self.run("git", "commit", "--quiet", "--message", message)

    def write(self, path: str, text: str) -> None:
        (self.folder / path).write_text(text, encoding="utf-8")

    def read(self, path: str) -> str:
        return (self.folder / path).read_text(encoding="utf-8")


def make_clone(folder: Path, base_model: Path) -> Clone:
    """Copy the code of this repository, not its user's params, data and results, and give it tiny ones."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", *CODE],
        cwd=REPOSITORY,
        check=True,
        text=True,
        stdout=subprocess.PIPE,
    ).stdout.splitlines()
    for name in listed:
        if (REPOSITORY / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(REPOSITORY / name, folder / name)
    clone = Clone(folder)
    write_csv(folder / "data/raw/tiny.csv", labelled_texts(280))
    shutil.copy(PARAMS, folder)
    shutil.copy(SUITE, folder / "data")
    edit_params(folder, **TINY, **{"model.base": str(base_model)})
    clone.run("git", "init", "--quiet", "--initial-branch", "main")
    clone.run("git", "config", "user.name", "Test")
    clone.run("git", "config", "user.email", "test@example.com")
    clone.commit("Start")
    return clone
