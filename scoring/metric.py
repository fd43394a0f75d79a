"""The scores as a metric of Hugging Face's `evaluate`. It loads all of PyTorch, so it stands apart."""

import datasets
import evaluate
import numpy as np

from scoring.scores import classification_scores


class ClassificationScores(evaluate.Metric):
    """Every score of a classifier at once, defined here so that none is fetched from the network. They are those of
    `classification_scores`."""

    def _info(self) -> evaluate.MetricInfo:
        return evaluate.MetricInfo(
            description="Scores of a text classifier",
            citation="",
            inputs_description="predictions: the probability of each class; references: the number of the true class",
            features=datasets.Features(
                {"predictions": datasets.List(datasets.Value("float64")), "references": datasets.Value("int64")}
            ),
        )

    def _compute(self, predictions: list[list[float]], references: list[int]) -> dict[str, float]:
        return classification_scores(np.asarray(references), np.asarray(predictions))
