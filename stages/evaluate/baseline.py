"""Fit the linear baseline that the model has to beat."""

import warnings

import numpy as np
import pandas as pd
from scipy.special import softmax
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from scoring.calibration import fit_temperature

FOLDS = 3  # of the train split: a text is suspected by a linear model that has not seen it
LEAST = -30.0  # log probability of a class that the train split lacks


@threadpool_limits.wrap(limits=1)  # vectors this short gain nothing from threads that wait for one another
def linear_baseline(
    splits: dict[str, pd.DataFrame], numbers: dict[str, np.ndarray], num_classes: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Fit TF-IDF and logistic regression on the whole train texts.

    Words and pairs of words, sublinear term frequency; C is the library's usual 1 raised to 10, which is better on
    TF-IDF's small values.

    Returns:
        Its probabilities of the test texts, calibrated on the validation split as the model's are, and of each train
        text by a fit on the folds that the text is not in; both float (n, classes).
    """
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), min_df=min(2, len(splits["train"])), sublinear_tf=True)
    train = vectorizer.fit_transform(splits["train"]["text"])
    linear = LogisticRegression(C=10, max_iter=1000)
    present = np.unique(numbers["train"])

    def every_class(found: np.ndarray) -> np.ndarray:
        probabilities = np.zeros((len(found), num_classes))
        probabilities[:, present] = found
        return probabilities

    with warnings.catch_warnings(action="ignore"):  # a class with fewer texts than folds is no fault
        folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
        suspicions = cross_val_predict(linear, train, numbers["train"], cv=folds, method="predict_proba")
    linear.fit(train, numbers["train"])
    with np.errstate(divide="ignore"):
        validation, test = (
            np.log(every_class(linear.predict_proba(vectorizer.transform(splits[split]["text"]))))
            for split in ("validation", "test")
        )
    temperature = fit_temperature(np.maximum(validation, LEAST), numbers["validation"])
    return softmax(np.maximum(test, LEAST) / temperature, axis=1), every_class(suspicions)
