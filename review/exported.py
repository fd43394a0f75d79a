"""Run the exported model of a revision."""

from pathlib import Path
from typing import TYPE_CHECKING

from review.errors import Unavailable
from review.revisions import Revision
from stages.common.text_columns import text_columns

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from predict.classifier import Classifier


def load_classifier(revision: Revision, folder: Path) -> "Classifier":
    """Return a revision's exported model, exact where it has ONNX in float32. Only the files that it needs are copied.

    Raises:
        Unavailable: when it can't be had, or this version of the code can't run it.
    """
    from predict.classifier import MODELS, Classifier
    from predict.errors import PredictError
    from predict.manifest import read_manifest

    place = revision.fetch("export", "manifest.json", folder).parent
    try:
        manifest = read_manifest(place)
        precision = next((name for name in ("fp32", "int8") if MODELS[name] in manifest["files"]), None)
        if precision is None:
            raise Unavailable(f"the exported model of {revision} has no ONNX (export.onnx was off)")
        for name in manifest["files"]:
            if name.startswith(("config.json", "tokenizer.json", MODELS[precision])):
                revision.fetch("export", name, folder)
        return Classifier(place, precision)
    except (PredictError, OSError, ValueError) as error:
        raise Unavailable(f"the exported model of {revision} can't be run: {error}") from error


def judge_rows(model: "Classifier", rows: "pd.DataFrame") -> "np.ndarray":
    """Return the probability of each class for each row, float32 (n, classes).

    Raises:
        Unavailable: when the model is for pairs of texts and the rows have single ones, or the other way round.
    """
    texts = [rows[name].tolist() for name in text_columns(rows)]
    if model.pairs != (len(texts) == 2):
        raise Unavailable("one of the exported models takes pairs of texts, the other single ones")
    return model.probabilities(*texts)
