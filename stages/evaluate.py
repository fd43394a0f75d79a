"""Judge the trained adapter on the test split, beside a linear baseline trained on the same texts.

Run: python -m stages.evaluate
"""

import json
from pathlib import Path

import datasets
import evaluate
import numpy as np
import pandas as pd
from scipy.special import softmax
from sklearn import metrics
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from stages.common.errors import run_stage
from stages.common.model import find_blocks, load_adapter, predict_logits, skip_unread_positions
from stages.common.outputs import whole_output, write_json, write_table
from stages.common.params import load_params
from stages.common.paths import stage_paths
from stages.common.references import resolve_model
from stages.common.tokens import read_split

CURVE_POINTS = 200  # at most, of a curve in a plot


def main() -> None:
    """Leave metrics/evaluate.json, a table of predictions and the tables behind the plots.

    Raises:
        MissingInput: naming the stage that makes what is missing.
    """
    params = load_params()
    paths = stage_paths("evaluate")
    labels = json.loads((paths["prepared"] / "labels.json").read_text(encoding="utf-8"))
    test = pd.read_parquet(paths["prepared"] / "test.parquet")
    truth = test["label"].map(labels.index).to_numpy()
    model = load_adapter(resolve_model(params.model.base, "model.base"), paths["adapter"], labels)
    skip_unread_positions(model, find_blocks(model)[1])
    logits = predict_logits(model, read_split(paths["tokenized"], "test"), params.evaluate.batch_size, "evaluate")
    probabilities = softmax(logits.astype(np.float64), axis=1)
    baseline = baseline_probabilities(paths["prepared"], test["text"], labels)
    write_json(paths["evaluate.json"], compare(truth, probabilities, baseline))
    write_predictions(paths["predictions.csv"], test, labels, probabilities)
    write_table(paths["confusion.csv"], confusion_table(truth, probabilities, labels))
    write_table(paths["roc.csv"], roc_table(truth, probabilities, labels))
    write_table(paths["precision_recall.csv"], precision_recall_table(truth, probabilities, labels))


class ClassificationScores(evaluate.Metric):
    """Every score of a classifier at once, defined here so that none is fetched from the network.

    With two classes precision, recall and f1 are those of the second one, the positive class; with more they are
    macro averages. roc_auc is one against the rest, macro.
    """

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
        probabilities, truth = np.asarray(predictions), np.asarray(references)
        classes = np.arange(probabilities.shape[1])
        chosen = probabilities.argmax(axis=1)
        binary = len(classes) == 2
        average = "binary" if binary else "macro"
        precision, recall, f1, _ = metrics.precision_recall_fscore_support(
            truth, chosen, labels=classes, average=average, pos_label=1, zero_division=0
        )
        return {
            "accuracy": metrics.accuracy_score(truth, chosen),
            "precision": precision,
            "recall": recall,
            "f1": f1,
            "f1_macro": metrics.f1_score(truth, chosen, labels=classes, average="macro", zero_division=0),
            "mcc": metrics.matthews_corrcoef(truth, chosen),
            "roc_auc": metrics.roc_auc_score(
                truth, probabilities[:, 1] if binary else probabilities, multi_class="ovr", labels=classes
            ),
            "log_loss": metrics.log_loss(truth, probabilities, labels=classes),
        }


def compare(truth: np.ndarray, probabilities: np.ndarray, baseline: np.ndarray) -> dict:
    """Return metrics/evaluate.json: the scores of the model and of the baseline, and the margin between them."""
    scores, linear = (
        ClassificationScores(keep_in_memory=True).compute(predictions=item, references=truth)
        for item in (probabilities, baseline)
    )
    margin = {name: scores[name] - linear[name] for name in ("accuracy", "f1")}
    return {**scores, "baseline": linear, "margin_over_baseline": margin, "rows": len(truth)}


def baseline_probabilities(prepared_dir: Path, texts: pd.Series, labels: list[str]) -> np.ndarray:
    """Fit TF-IDF and logistic regression on the whole train texts; return class probabilities, float (n, classes).

    Words and pairs of words, sublinear term frequency; C is the library's usual 1 raised to 10, which is better on
    TF-IDF's small values.
    """
    train = pd.read_parquet(prepared_dir / "train.parquet", columns=["text", "label"])
    linear = make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2), min_df=min(2, len(train)), sublinear_tf=True),
        LogisticRegression(C=10, max_iter=1000),
    )
    linear.fit(train["text"], train["label"])
    columns = [list(linear.classes_).index(label) for label in labels]
    return linear.predict_proba(texts)[:, columns]


def write_predictions(path: Path, test: pd.DataFrame, labels: list[str], probabilities: np.ndarray) -> None:
    """Write the test rows in their order with `predicted`, `correct` and the probability of each class."""
    predicted = [labels[number] for number in probabilities.argmax(axis=1)]
    columns = pd.DataFrame(probabilities, columns=[f"p_{label}" for label in labels]).round(6)
    table = pd.concat([test.assign(predicted=predicted, correct=predicted == test["label"]), columns], axis=1)
    with whole_output(path) as partial:
        table.to_csv(partial, index=False, lineterminator="\n")


def confusion_table(truth: np.ndarray, probabilities: np.ndarray, labels: list[str]) -> pd.DataFrame:
    """Return a row for each test text, as DVC's confusion template takes it."""
    names = np.asarray(labels)
    return pd.DataFrame({"actual": names[truth], "predicted": names[probabilities.argmax(axis=1)]})


def roc_table(truth: np.ndarray, probabilities: np.ndarray, labels: list[str]) -> pd.DataFrame:
    """Return the ROC curve of each class against the rest; with two classes, of the positive one."""
    curves = []
    for number, label in positive_classes(labels):
        false_positive, true_positive, _ = metrics.roc_curve(truth == number, probabilities[:, number])
        curves.append(pd.DataFrame({"class": label, "fpr": false_positive, "tpr": true_positive}))
    return thinned(curves)


def precision_recall_table(truth: np.ndarray, probabilities: np.ndarray, labels: list[str]) -> pd.DataFrame:
    """Return the precision-recall curve of each class against the rest; with two classes, of the positive one."""
    curves = []
    for number, label in positive_classes(labels):
        precision, recall, _ = metrics.precision_recall_curve(truth == number, probabilities[:, number])
        curves.append(pd.DataFrame({"class": label, "recall": recall, "precision": precision}))
    return thinned(curves)


def positive_classes(labels: list[str]) -> list[tuple[int, str]]:
    return list(enumerate(labels))[1:] if len(labels) == 2 else list(enumerate(labels))


def thinned(curves: list[pd.DataFrame]) -> pd.DataFrame:
    """Join curves, each thinned evenly to CURVE_POINTS, so that the plots stay small enough for Git."""
    places = [np.unique(np.linspace(0, len(curve) - 1, CURVE_POINTS).astype(int)) for curve in curves]
    return pd.concat([curve.iloc[place] for curve, place in zip(curves, places, strict=True)], ignore_index=True)


if __name__ == "__main__":
    run_stage(main)
