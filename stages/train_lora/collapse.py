"""Say when training has collapsed to one class, and what the likely reason is."""

import sys

import numpy as np
from datasets import Dataset

from stages.common.class_weights import class_counts
from stages.common.errors import UserError
from stages.common.params import TrainParams
from stages.common.splits import label_names, true_labels
from stages.train_lora.callbacks import TRY_NEXT
from stages.train_lora.evaluations import decide

MOSTLY_UNKNOWN, MOSTLY_ONE_CLASS = 0.5, 0.8  # fractions, of tokens and of rows
FEW_ROWS, FEW_STEPS = 100, 50
FEW_STEPS_A_CLASS = 10


def check_collapse(
    logits: np.ndarray, steps: int, train: Dataset, validation: Dataset, params: TrainParams, unknown_id: int | None
) -> None:
    """Look at the kept model's validation logits, float (n, classes).

    Args:
        steps: the optimizer steps that training took.
        unknown_id: the token id that stands for what the base model's vocabulary lacks, if it has one.

    Raises:
        UserError: when every text gets the same class although the validation split has several.
    """
    truth = true_labels(validation)
    if len(np.unique(truth, axis=0)) == 1:
        texts = "one text" if len(validation) == 1 else "texts of one class only"
        print(f"warning: validation has {texts}: a collapse could not be noticed", file=sys.stderr)
        return
    predicted = np.unique(decide(logits, truth), axis=0)
    if len(predicted) == 1:
        names = np.asarray(label_names(train))[predicted[0]]
        name = ", ".join(np.atleast_1d(names)) or "none"
        reason = likely_reason(steps, train, params, unknown_id)
        raise UserError(f"training collapsed: the model gives every validation text one class ({name}). {reason}.")


def likely_reason(steps: int, train: Dataset, params: TrainParams, unknown_id: int | None) -> str:
    """Return what most likely went wrong, as the data shows it, and what to do."""
    unknown = unknown_fraction(train, unknown_id)
    if unknown >= MOSTLY_UNKNOWN:
        return f"The base model knows only {1 - unknown:.0%} of the tokens: set a model.base for this language"
    counts = class_counts(true_labels(train), len(label_names(train)))
    if counts.max() > MOSTLY_ONE_CLASS * len(train) and params.class_weights is None:
        name = label_names(train)[int(counts.argmax())]
        return f"{counts.max() / len(train):.0%} of the train rows are {name}: set train.class_weights to balanced"
    if len(train) < FEW_ROWS:
        return f"{len(train)} train rows are too few: give more data, or raise data.train_rows"
    if steps < max(FEW_STEPS, FEW_STEPS_A_CLASS * len(counts)):
        few = f"{steps} optimizer steps are too few for {len(counts)} classes"
        return f"{few}: raise train.epochs or lower train.batch_size"
    return TRY_NEXT.capitalize()


def unknown_fraction(split: Dataset, unknown_id: int | None) -> float:
    """Return the fraction of a split's tokens that the vocabulary lacks."""
    if unknown_id is None:
        return 0.0
    unknown = sum(int((rows == unknown_id).sum()) for rows in split.with_format("numpy")["input_ids"])
    return unknown / sum(split["length"])
