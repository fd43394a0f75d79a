"""Base models."""

from pathlib import Path

import tiny
from transformers import AutoConfig

from bad_inputs import Break, Case, both, set_params, write

FOLDER = "models/base"
POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"


def base(model_type: str = "bert", **sizes: int) -> Break:
    """Make the base model a folder with a tokenizer of 2026 tokens and this configuration, and no weights."""

    def save(folder: Path) -> None:
        tiny.save_tokenizer(folder / FOLDER)
        AutoConfig.for_model(model_type, **sizes).save_pretrained(folder / FOLDER)

    return both(save, set_params(**{"model.base": FOLDER}))


CASES = [
    Case(
        "base-positions",
        "514 tokens for RoBERTa, whose first two positions are the padding token's",
        both(base("roberta", max_position_embeddings=514), set_params(**{"tokenize.max_length": 514})),
        ["tokenize.max_length: the base model takes at most 512 tokens; however: 514"],
        command="stages.tokenize",
    ),
    Case(
        "base-vocabulary",
        "a tokenizer with more tokens than the model",
        base(vocab_size=1000),
        [f"model.base: the tokenizer of {FOLDER} has token ids up to 2025, and the model knows those below 1000: …"],
        command="stages.tokenize",
    ),
    Case(
        "base-pickle",
        "weights in a pickle alone",
        both(base(), write(f"{FOLDER}/pytorch_model.bin", b"")),
        [f"model.base: {FOLDER} has its weights in pytorch_model.bin alone, which can run code and is not read; …"],
        command="stages.train_lora",
    ),
    Case(
        "base-pointer",
        "a pointer of Git LFS in place of the weights",
        both(base(), write(f"{FOLDER}/model.safetensors", POINTER)),
        [f"model.base: {FOLDER}/model.safetensors is a pointer of Git LFS, not weights: run `git lfs pull` there"],
        command="stages.train_lora",
    ),
]
