"""Estimate how long training takes, from steps measured on this machine."""

import time
from itertools import chain

import pandas as pd

from stages.common.inference import pad_batch
from stages.common.model import load_base
from stages.common.params import Params
from stages.common.references import resolve_model
from stages.common.text_columns import text_columns
from stages.common.tokenizer import TextEncoder
from stages.train_lora.adapters import add_adapters

MEASURED_SECONDS = 2.0
MEASURED_TEXTS = 64
BATCH_TEXTS = 8


def estimate_minutes(
    sample: pd.DataFrame, splits: dict[str, pd.DataFrame], params: Params, labels: list[str], epochs: int
) -> str:
    """Return about how many minutes training takes, as text.

    Plain steps of forward and backward are measured for MEASURED_SECONDS; the stage itself is faster where it can keep
    what the frozen blocks give, and number formats are shorter.
    """
    folder = resolve_model(params.model.base, "model.base")
    base, head = load_base(folder, labels, False, True)
    model, _ = add_adapters(base, params.lora, head)
    rows = sample.head(MEASURED_TEXTS)
    texts = [rows[name].tolist() for name in text_columns(rows)]
    encoder = TextEncoder(folder, params.tokenize, pairs=len(texts) == 2)
    encoded = sorted(encoder.encode(*texts)[0], key=lambda windows: (len(windows), len(windows[0].ids)))
    took = texts_done = 0.0
    while took < MEASURED_SECONDS:
        for start in range(0, len(encoded), BATCH_TEXTS):
            some = encoded[start : start + BATCH_TEXTS]
            batch = pad_batch([*chain.from_iterable(some)], encoder.layout.pad_token_id)
            begun = time.perf_counter()
            model(**batch).logits.sum().backward()
            took += time.perf_counter() - begun
            texts_done += len(some)
    steps = len(splits["train"]) * epochs + len(splits["validation"]) / 2
    return f"{max(0.1, steps * took / texts_done / 60):.1f}"
