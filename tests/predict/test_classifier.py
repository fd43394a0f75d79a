"""The classifier gives the trained model's own answers."""

from itertools import chain
from pathlib import Path

import numpy as np
import pytest
import torch
from exported import (
    TEXTS,
    TOKENIZE,
)
from transformers import AutoModelForSequenceClassification

from predict.classifier import Classifier
from predict.text import clean_text
from stages.common.inference import pad_batch
from stages.common.params import TokenizeParams
from stages.common.tokenizer import TextEncoder


@pytest.mark.parametrize(("precision", "tolerance"), [("fp32", 1e-5), ("int8", 0.1)])
def test_probabilities_are_those_of_the_trained_model(exported: Path, precision: str, tolerance: float) -> None:
    params = TokenizeParams.model_validate({**TOKENIZE, "window_pooling": "mean"})
    windows, _ = TextEncoder(exported, params).encode([clean_text(text) for text in TEXTS])
    batch = pad_batch([*chain.from_iterable(windows)], 0)
    with torch.inference_mode():
        expected = AutoModelForSequenceClassification.from_pretrained(exported)(**batch).logits.softmax(1).numpy()
    assert len(set(expected.argmax(1))) > 1
    classifier = Classifier(exported, precision, threads=1)
    found = classifier.probabilities(TEXTS)
    assert classifier.encode(TEXTS) == windows
    assert found.dtype == np.float32
    assert np.abs(found - expected).max() < tolerance
    with pytest.raises(ValueError, match="text 2 of 2 is empty"):
        classifier.probabilities(["good", "\u200b"])
