"""Fit the linear baseline that the model has to beat."""

import math
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix
from scipy.special import softmax
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from scoring.calibration import fit_temperature
from stages.common.text_columns import text_columns

FOLDS = 3  # of the train split: a text is suspected by a linear model that has not seen it
LEAST = -30.0  # log probability of a class that the train split lacks
TRIED_ROWS = 1000  # of the train and of the validation split, at most, on which words and characters are compared
KINDS: dict[str, dict[str, Any]] = {  # of n-grams: characters are for languages that put no spaces between words
    "words": {"ngram_range": (1, 2)},
    "characters": {"analyzer": "char", "ngram_range": (1, 4)},
}


@dataclass(frozen=True)
class Baseline:
    """What the linear model says; probabilities are float (rows, classes)."""

    probabilities: np.ndarray  # of the test texts, calibrated on the validation split as the model's are
    suspicions: np.ndarray  # of the train texts, each by a fit on the folds that the text is not in
    kind: str  # of KINDS


@threadpool_limits.wrap(limits=1)  # vectors this short gain nothing from threads that wait for one another
def linear_baseline(
    splits: dict[str, pd.DataFrame], numbers: dict[str, np.ndarray], weights: np.ndarray, seed: int
) -> Baseline:
    """Fit TF-IDF and logistic regression on the train texts, by words or by characters, whichever suit them.

    Args:
        splits: each with a column `text`; of pairs, `text_pair` too, whose n-grams are features of their own.
        numbers: of each split the class of each row, int (rows,).
        weights: of each class in the loss, float (classes,), as in training.
        seed: decides the folds.
    """
    kind = better_kind(splits, numbers, weights)
    vectorizer, train = vectorize(kind, splits["train"])
    linear = classifier(weights)
    with warnings.catch_warnings(action="ignore"):  # a class with fewer texts than folds is no fault
        folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
        suspicions = cross_val_predict(linear, train, numbers["train"], cv=folds, method="predict_proba")
    linear.fit(train, numbers["train"])
    validation, test = (
        log_probabilities(linear, vectorizer.transform(splits[split]), len(weights)) for split in ("validation", "test")
    )
    temperature = fit_temperature(validation, numbers["validation"])
    return Baseline(
        softmax(test / temperature, axis=1), every_class(suspicions, np.unique(numbers["train"]), len(weights)), kind
    )


def better_kind(splits: dict[str, pd.DataFrame], numbers: dict[str, np.ndarray], weights: np.ndarray) -> str:
    """Return the kind of n-grams with the lower log loss on validation texts, after calibration, for few rows."""
    losses = {}
    rows = {split: splits[split].iloc[:TRIED_ROWS] for split in ("train", "validation")}
    truth = {split: numbers[split][:TRIED_ROWS] for split in rows}
    if len(np.unique(truth["train"])) < 2:
        return "words"
    for kind in KINDS:
        try:
            vectorizer, train = vectorize(kind, rows["train"])
        except ValueError:  # no word is in two texts
            losses[kind] = math.inf
            continue
        linear = classifier(weights).fit(train, truth["train"])
        found = log_probabilities(linear, vectorizer.transform(rows["validation"]), len(weights))
        found = softmax(found / fit_temperature(found, truth["validation"]), axis=1)
        losses[kind] = log_loss(truth["validation"], found, labels=range(len(weights)))
    return min(losses, key=lambda kind: losses[kind])


def vectorize(kind: str, rows: pd.DataFrame) -> tuple[ColumnTransformer, csr_matrix]:
    """Return what turns rows into the TF-IDF of their texts, column by column, and that of these rows."""
    of_texts = TfidfVectorizer(min_df=min(2, len(rows)), sublinear_tf=True, **KINDS[kind])
    columns = [(name, of_texts, name) for name in text_columns(rows)]
    vectorizer = ColumnTransformer(columns, sparse_threshold=1)
    return vectorizer, csr_matrix(vectorizer.fit_transform(rows))


def classifier(weights: np.ndarray) -> LogisticRegression:
    """C is the library's usual 1 raised to 10, which is better on TF-IDF's small values."""
    return LogisticRegression(C=10, max_iter=1000, class_weight=dict(enumerate(weights)))


def log_probabilities(linear: LogisticRegression, vectors: csr_matrix, num_classes: int) -> np.ndarray:
    with np.errstate(divide="ignore"):
        found = np.log(every_class(linear.predict_proba(vectors), linear.classes_, num_classes))
    return np.maximum(found, LEAST)


def every_class(found: np.ndarray, present: np.ndarray, num_classes: int) -> np.ndarray:
    """Give the classes that the train split lacks a probability of 0."""
    probabilities = np.zeros((len(found), num_classes))
    probabilities[:, present] = found
    return probabilities
