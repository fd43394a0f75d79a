"""Fit the linear baseline that the model has to beat."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import log_loss
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from scoring.calibrated import calibrate
from scoring.judges import Judge, LabelSets
from scoring.multilabel import label_set_sheet
from stages.common.text_columns import text_columns
from stages.evaluate.linear import LabelSet, OneLabel

TRIED_ROWS = 1000  # of the train and of the validation split, at most, on which words and characters are compared
KINDS: dict[str, dict[str, Any]] = {  # of n-grams: characters are for languages that put no spaces between words
    "words": {"ngram_range": (1, 2)},
    "characters": {"analyzer": "char", "ngram_range": (1, 4)},
}


@dataclass(frozen=True)
class Baseline:
    """What the linear model says."""

    answers: Judge  # of the test texts, calibrated on the validation split as the model's are
    suspicions: (
        np.ndarray
    )  # of the train texts, float (rows, classes), each by a fit on the folds that the text is not in
    kind: str  # of KINDS


@threadpool_limits.wrap(limits=1)  # vectors this short gain nothing from threads that wait for one another
def linear_baseline(
    splits: dict[str, pd.DataFrame], truth: dict[str, np.ndarray], weights: np.ndarray, seed: int
) -> Baseline:
    """Fit TF-IDF and logistic regression on the train texts, by words or by characters, whichever suit them.

    Args:
        splits: each with a column `text`; of pairs, `text_pair` too, whose n-grams are features of their own.
        truth: of each split the labels of its rows, see scoring/judges.py.
        weights: of the classes in the loss, as in training.
        seed: decides the folds.
    """
    kind = better_kind(splits, truth, weights)
    vectorizer, train = vectorize(kind, splits["train"])
    linear = linear_model(weights)
    suspicions = linear.held_out(train, truth["train"], seed)
    linear.fit(train, truth["train"])
    validation, test = (linear.logits(vectorizer.transform(splits[split])) for split in ("validation", "test"))
    return Baseline(calibrate(validation, truth["validation"]).judge(test), suspicions, kind)


def linear_model(weights: np.ndarray) -> OneLabel | LabelSet:
    return OneLabel(weights) if weights.ndim == 1 else LabelSet(weights)


def better_kind(splits: dict[str, pd.DataFrame], truth: dict[str, np.ndarray], weights: np.ndarray) -> str:
    """Return the kind of n-grams with the lower log loss on validation texts, after calibration, for few rows."""
    losses = {}
    rows = {split: splits[split].iloc[:TRIED_ROWS] for split in ("train", "validation")}
    train_truth, validation_truth = (truth[split][:TRIED_ROWS] for split in rows)
    if len(np.unique(train_truth)) < 2:
        return "words"
    for kind in KINDS:
        try:
            vectorizer, train = vectorize(kind, rows["train"])
        except ValueError:  # no word is in two texts
            losses[kind] = math.inf
            continue
        linear = linear_model(weights)
        linear.fit(train, train_truth)
        logits = linear.logits(vectorizer.transform(rows["validation"]))
        losses[kind] = loss(validation_truth, calibrate(logits, validation_truth).judge(logits))
    return min(losses, key=lambda kind: losses[kind])


def loss(truth: np.ndarray, answers: Judge) -> float:
    if isinstance(answers, LabelSets):
        return float(label_set_sheet(truth, answers).means["log_loss"].mean())
    return log_loss(truth, answers, labels=range(answers.shape[1]))


def vectorize(kind: str, rows: pd.DataFrame) -> tuple[ColumnTransformer, csr_matrix]:
    """Return what turns rows into the TF-IDF of their texts, column by column, and that of these rows."""
    of_texts = TfidfVectorizer(min_df=min(2, len(rows)), sublinear_tf=True, **KINDS[kind])
    columns = [(name, of_texts, name) for name in text_columns(rows)]
    vectorizer = ColumnTransformer(columns, sparse_threshold=1)
    return vectorizer, csr_matrix(vectorizer.fit_transform(rows))
