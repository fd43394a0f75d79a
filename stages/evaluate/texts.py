"""Put single texts to the model, as a user would."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from datasets import Dataset
from scipy.special import softmax
from transformers import PreTrainedModel

from predict.text import clean_text
from stages.common.inference import predict_logits
from stages.common.params import EvaluateParams, TokenizeParams
from stages.common.splits import token_columns
from stages.common.tokenizer import TextEncoder


def text_predictor(
    model: PreTrainedModel, base: Path, tokenize: TokenizeParams, params: EvaluateParams, temperature: float
) -> Callable[[list[str]], np.ndarray]:
    """Return a function from texts, as a user writes them, to class probabilities, float (n, classes)."""
    encoder = TextEncoder(base, tokenize)

    def predict(texts: list[str]) -> np.ndarray:
        windows, _ = encoder.encode([clean_text(text) for text in texts])
        rows = Dataset.from_dict(token_columns(windows))
        logits = predict_logits(model, rows, params.batch_size, tokenize.window_pooling).astype(np.float64)
        return softmax(logits / temperature, axis=1)

    return predict
