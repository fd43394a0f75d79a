"""Estimate how long training takes, from steps measured on this machine."""

import time

import pandas as pd
import torch

from stages.common.model import load_base
from stages.common.params import Params
from stages.common.references import resolve_model
from stages.common.tokenizer import encode_texts, load_tokenizer
from stages.train_lora.adapters import add_adapters

MEASURED_SECONDS = 2.0
MEASURED_TEXTS = 64
BATCH_TEXTS = 8


def estimate_minutes(sample: pd.DataFrame, splits: dict[str, pd.DataFrame], params: Params, labels: list[str]) -> str:
    """Return about how many minutes training takes, as text.

    Plain steps of forward and backward are measured for MEASURED_SECONDS; the stage itself is faster where it can keep
    what the frozen blocks give, and number formats are shorter.
    """
    folder = resolve_model(params.model.base, "model.base")
    base, head = load_base(folder, labels, False, True)
    model, _ = add_adapters(base, params.lora, head)
    texts = sample["text"].head(MEASURED_TEXTS).tolist()
    encoded, _ = encode_texts(load_tokenizer(folder), texts, params.tokenize)
    encoded.sort(key=len)
    took = texts_done = 0.0
    while took < MEASURED_SECONDS:
        for start in range(0, len(encoded), BATCH_TEXTS):
            batch = encoded[start : start + BATCH_TEXTS]
            longest = max(map(len, batch))
            ids = torch.tensor([row + [0] * (longest - len(row)) for row in batch])
            mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in batch])
            begun = time.perf_counter()
            model(input_ids=ids, attention_mask=mask).logits.sum().backward()
            took += time.perf_counter() - begun
            texts_done += len(batch)
    steps = len(splits["train"]) * params.train.epochs + len(splits["validation"]) / 2
    return f"{max(0.1, steps * took / texts_done / 60):.1f}"
