"""The linear models behind the baseline: logistic regression over classes, or one for each label."""

import warnings

import numpy as np
from scipy.sparse import csr_matrix
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold, StratifiedKFold, cross_val_predict

FOLDS = 3  # of the train split: a text is suspected by a linear model that has not seen it
LEAST = -30.0  # log probability of a class that the train split lacks, and the least logit of a label


def logistic_regression(weights: np.ndarray) -> LogisticRegression:
    """C is the library's usual 1 raised to 10, which is better on TF-IDF's small values."""
    return LogisticRegression(C=10, max_iter=1000, class_weight=dict(enumerate(weights)))


class OneLabel:
    """Gives a row one of the classes; `weights` are those of the classes in the loss, float (classes,)."""

    def __init__(self, weights: np.ndarray) -> None:
        self.num_classes, self.linear = len(weights), logistic_regression(weights)

    def fit(self, vectors: csr_matrix, truth: np.ndarray) -> None:
        self.linear.fit(vectors, truth)

    def logits(self, vectors: csr_matrix) -> np.ndarray:
        """Return log probabilities, float (rows, classes)."""
        with np.errstate(divide="ignore"):
            found = np.log(self.every_class(self.linear.predict_proba(vectors), self.linear.classes_))
        return np.maximum(found, LEAST)

    def held_out(self, vectors: csr_matrix, truth: np.ndarray, seed: int) -> np.ndarray:
        """Return probabilities, float (rows, classes), each row's by a fit on the folds that it is not in.

        Where less than two classes have two rows, such a fit would lack one: the rows' own labels are then returned.
        """
        rows = sorted(np.bincount(truth, minlength=2))  # of each class
        if rows[-2] < 2:
            return np.eye(self.num_classes)[truth]
        with warnings.catch_warnings(action="ignore"):  # a class with fewer texts than folds is no fault
            folds = StratifiedKFold(min(FOLDS, rows[-1]), shuffle=True, random_state=seed)
            found = cross_val_predict(self.linear, vectors, truth, cv=folds, method="predict_proba")
        return self.every_class(found, np.unique(truth))

    def every_class(self, found: np.ndarray, present: np.ndarray) -> np.ndarray:
        """Give the classes that the train split lacks a probability of 0."""
        probabilities = np.zeros((len(found), self.num_classes))
        probabilities[:, present] = found
        return probabilities


class LabelSet:
    """Gives a row any number of labels; `weights` are those of rows without and with each, float (2, classes)."""

    def __init__(self, weights: np.ndarray) -> None:
        self.weights = weights

    def fit(self, vectors: csr_matrix, truth: np.ndarray) -> None:
        self.linear = [
            logistic_regression(weights).fit(vectors, has)
            if 0 < has.sum() < len(has)
            else -LEAST
            if has.any()
            else LEAST
            for weights, has in zip(self.weights.T, truth.T, strict=True)
        ]

    def logits(self, vectors: csr_matrix) -> np.ndarray:
        """Return logits, float (rows, classes)."""
        found = [
            np.full(vectors.shape[0], linear) if isinstance(linear, float) else linear.decision_function(vectors)
            for linear in self.linear
        ]
        return np.clip(np.stack(found, axis=1), LEAST, -LEAST)

    def held_out(self, vectors: csr_matrix, truth: np.ndarray, seed: int) -> np.ndarray:
        """Return probabilities, float (rows, classes), each row's by a fit on the folds that it is not in."""
        found = np.empty(truth.shape)
        for others, own in KFold(FOLDS, shuffle=True, random_state=seed).split(vectors):
            self.fit(vectors[others], truth[others])
            found[own] = expit(self.logits(vectors[own]))
        return found
