"""Judge the trained adapter on the test split, beside a linear baseline trained on the same texts.

Run: python -m stages.evaluate
"""

import json
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from datasets import Dataset
from safetensors.numpy import load_file
from scipy.special import softmax
from sklearn import metrics
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]
from transformers import PreTrainedModel

from predict.clean import clean_text
from stages.common.behaviour import Suite, failure_rates, read_suite, run_suite
from stages.common.calibration import fit_temperature, reliability_table
from stages.common.errors import run_stage
from stages.common.model import load_adapter, predict_logits
from stages.common.outputs import whole_output, write_json, write_table
from stages.common.params import EvaluateParams, TokenizeParams, load_params
from stages.common.paths import stage_paths
from stages.common.references import resolve_model
from stages.common.scores import classification_scores, intervals, judged_classes, resampled_scores
from stages.common.slices import check_columns, slice_table
from stages.common.tokenizer import encode_texts, load_tokenizer
from stages.common.tokens import SPLITS, read_split
from stages.common.unread import skip_unread_positions

MARGINS = ("accuracy", "f1", "roc_auc")  # scores whose margin over the baseline is reported
CALIBRATION = ("brier", "ece", "log_loss")  # scores that the temperature changes, reported without it too
FOLDS = 3  # of the train split: a text is suspected by a linear model that has not seen it
CURVE_POINTS = 201  # of a curve in a plot
CURVE_CLASSES = 10  # with a column of their own in the tables of curves, at most
CONFUSION_CLASSES = 25  # with a row and a column of their own, at most
OTHERS = "(others)"
LEAST = -30.0  # log probability of a class that the train split lacks
CONFIDENT_MISTAKES = 100  # in their table, at most


def main() -> None:
    """Leave metrics/evaluate.json, the tables behind the plots, and tables of what to look at in data/evaluation.

    Raises:
        MissingInput: naming the stage that makes what is missing.
        UserError: for a column of `evaluate.slices` that isn't there, and for mistakes in the behaviour suite.
    """
    params = load_params()
    paths = stage_paths("evaluate")
    labels = json.loads((paths["prepared"] / "labels.json").read_text(encoding="utf-8"))
    splits = {split: pd.read_parquet(paths["prepared"] / f"{split}.parquet") for split in SPLITS}
    numbers = {split: rows["label"].map(labels.index).to_numpy() for split, rows in splits.items()}
    test, truth = splits["test"], numbers["test"]
    check_columns(params.evaluate.slices, test)
    suite = read_suite(paths["behaviour.yaml"])
    base = resolve_model(params.model.base, "model.base")
    model = load_adapter(base, paths["adapter"], labels, params.model.load_in_4bit)
    if torch.cuda.is_available():
        model.cuda()
    skip_unread_positions(model)
    model.merge_adapter()

    tokens = read_split(paths["tokenized"], "test")
    logits = predict_logits(model, tokens, params.evaluate.batch_size, "evaluate").astype(np.float64)
    validation_logits = load_file(paths["adapter"] / "logits.safetensors")["validation"]
    temperature = fit_temperature(validation_logits, numbers["validation"])
    uncalibrated, probabilities = softmax(logits, axis=1), softmax(logits / temperature, axis=1)
    baseline, suspicions = linear_baseline(splits, numbers, len(labels), params.evaluate.seed)
    predict = text_predictor(model, base, params.tokenize, params.evaluate, temperature)

    slices = slice_table(test, tokens, probabilities.argmax(axis=1) == truth, params.evaluate.slices)
    behaviour = judge_behaviour(suite, labels, predict)
    suspects = {
        "train": label_errors(splits["train"], numbers["train"], suspicions, labels),
        "test": label_errors(test, truth, probabilities, labels),
    }
    scores = compare(truth, probabilities, uncalibrated, baseline, params.evaluate)
    scores |= {
        "temperature": temperature,
        "slices": {"looked_at": len(slices), "worse": int(slices["worse"].sum())},
        "label_errors": {split: len(table) for split, table in suspects.items()},
    }
    with whole_output(paths["evaluation"]) as folder:
        write_predictions(folder / "predictions.csv", test, labels, probabilities)
        write_table(folder / "confident_mistakes.csv", confident_mistakes(test, labels, probabilities))
        write_table(folder / "classes.csv", class_table(truth, probabilities, labels))
        write_table(folder / "label_errors.csv", pd.concat(suspects, names=["split"]).reset_index("split"))
        if behaviour is not None:
            scores["behaviour"] = failure_rates(behaviour)
            write_table(folder / "behaviour_failures.csv", behaviour[behaviour["failed"]].drop(columns="failed"))
    write_plots(paths, truth, probabilities, uncalibrated, labels)
    write_table(paths["slices.csv"], slices)
    write_json(paths["evaluate.json"], scores)


def text_predictor(
    model: PreTrainedModel, base: Path, tokenize: TokenizeParams, params: EvaluateParams, temperature: float
) -> Callable[[list[str]], np.ndarray]:
    """Return a function from texts, as a user writes them, to class probabilities, float (n, classes)."""
    tokenizer = load_tokenizer(base)

    def predict(texts: list[str]) -> np.ndarray:
        kept, _ = encode_texts(tokenizer, [clean_text(text) for text in texts], tokenize)
        rows = Dataset.from_dict({"input_ids": kept, "length": [len(ids) for ids in kept]})
        logits = predict_logits(model, rows, params.batch_size).astype(np.float64)
        return softmax(logits / temperature, axis=1)

    return predict


def judge_behaviour(suite: Suite, labels: list[str], predict: Callable[[list[str]], np.ndarray]) -> pd.DataFrame | None:
    """Run the suite, if it is about the model's labels."""
    if set(suite.labels) == set(labels):
        return run_suite(suite, labels, predict)
    print(
        f"data/behaviour.yaml is about the labels {', '.join(suite.labels)}, which are not the data's: left out",
        file=sys.stderr,
    )
    return None


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


def label_errors(rows: pd.DataFrame, truth: np.ndarray, probabilities: np.ndarray, labels: list[str]) -> pd.DataFrame:
    """Return the rows whose label is likely wrong, the likeliest first.

    They are found by confident learning (Northcutt et al. 2021) from probabilities of a model that was not trained on
    these rows, float (n, classes); `score` is the probability of the label that they have.
    """
    from cleanlab.filter import find_label_issues  # takes a second

    with warnings.catch_warnings(action="ignore"):  # a class of one row is no fault
        found = find_label_issues(truth, probabilities, return_indices_ranked_by="self_confidence", n_jobs=1)
    suggested = np.asarray(labels, dtype=object)[probabilities[found].argmax(axis=1)]
    return rows.iloc[found][["origin", "label"]].assign(
        suggested=suggested, score=probabilities[found, truth[found]], text=rows["text"].iloc[found]
    )


def compare(
    truth: np.ndarray,
    probabilities: np.ndarray,
    uncalibrated: np.ndarray,
    baseline: np.ndarray,
    params: EvaluateParams,
) -> dict:
    """Return the scores of the model with their intervals, those of the baseline, and the margin between the two.

    The probabilities are float (n, classes) each, of the same rows.
    """
    scores, raw, linear = (classification_scores(truth, item) for item in (probabilities, uncalibrated, baseline))
    sampled, linear_sampled = resampled_scores(truth, [probabilities, baseline], params.resamples, params.seed)
    names = [name for name in MARGINS if name in scores]
    return {
        **scores,
        **intervals(sampled),
        **{f"margin_{name}": scores[name] - linear[name] for name in names},
        **intervals({f"margin_{name}": sampled[name] - linear_sampled[name] for name in names}),
        "baseline": linear,
        "uncalibrated": {name: raw[name] for name in CALIBRATION},
        "rows": len(truth),
    }


def write_predictions(path: Path, test: pd.DataFrame, labels: list[str], probabilities: np.ndarray) -> None:
    """Write the test rows in their order with `predicted`, `correct` and the probability of each class."""
    predicted = [labels[number] for number in probabilities.argmax(axis=1)]
    columns = pd.DataFrame(probabilities, columns=[f"p_{label}" for label in labels]).round(6)
    table = pd.concat([test.assign(predicted=predicted, correct=predicted == test["label"]), columns], axis=1)
    with whole_output(path) as partial:
        table.to_csv(partial, index=False, lineterminator="\n")


def confident_mistakes(test: pd.DataFrame, labels: list[str], probabilities: np.ndarray) -> pd.DataFrame:
    """Return the wrong test rows of which the model is surest, the surest first."""
    predicted = np.asarray(labels, dtype=object)[probabilities.argmax(axis=1)]
    table = test[["origin", "label"]].assign(
        predicted=predicted, confidence=probabilities.max(axis=1), text=test["text"]
    )
    wrong = table[table["label"] != table["predicted"]]
    return wrong.sort_values("confidence", ascending=False, kind="stable").head(CONFIDENT_MISTAKES)


def class_table(truth: np.ndarray, probabilities: np.ndarray, labels: list[str]) -> pd.DataFrame:
    """Return test rows, precision, recall and f1 of each class, in the order of the classes."""
    precision, recall, f1, rows = metrics.precision_recall_fscore_support(
        truth, probabilities.argmax(axis=1), labels=range(len(labels)), zero_division=0
    )
    return pd.DataFrame({"label": labels, "n": rows, "precision": precision, "recall": recall, "f1": f1})


def write_plots(
    paths: dict[str, Path], truth: np.ndarray, probabilities: np.ndarray, uncalibrated: np.ndarray, labels: list[str]
) -> None:
    """Write the tables behind the plots of dvc.yaml."""
    roc, precision_recall = curve_tables(truth, probabilities, labels)
    write_table(paths["roc.csv"], roc)
    write_table(paths["precision_recall.csv"], precision_recall)
    write_table(paths["confusion.csv"], confusion_table(truth, probabilities.argmax(axis=1), labels))
    write_table(paths["reliability.csv"], reliability_table(truth, probabilities))
    write_table(paths["reliability_uncalibrated.csv"], reliability_table(truth, uncalibrated))


def curve_tables(truth: np.ndarray, probabilities: np.ndarray, labels: list[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the ROC curve, fpr and tpr, and the precision-recall curve, each at CURVE_POINTS even steps.

    With two classes they are those of the positive one. With more they are the mean over each class against the rest
    (vertical averaging: Fawcett, An introduction to ROC analysis, 2006), because DVC draws a table as one line; the
    area under the mean ROC curve is roc_auc. The most frequent classes have a column of their own, under their names.
    """
    grid = np.linspace(0, 1, CURVE_POINTS)
    judged = judged_classes(truth, len(labels))
    roc, precision = (np.empty((len(judged), CURVE_POINTS)) for _ in range(2))
    for place, number in enumerate(judged):
        positive, score = truth == number, probabilities[:, number]
        fpr, tpr, _ = metrics.roc_curve(positive, score)
        roc[place] = np.interp(grid, fpr, tpr)
        precisions, recalls, _ = metrics.precision_recall_curve(positive, score)
        precision[place] = precisions[::-1][np.searchsorted(recalls[::-1], grid)]
    frequent = np.argsort(-np.bincount(truth, minlength=len(labels))[judged], kind="stable")[:CURVE_CLASSES]
    tables = []
    for x, y, curves in (("fpr", "tpr", roc), ("recall", "precision", precision)):
        columns = {f"{y} of {labels[judged[k]]}": curves[k] for k in frequent} if len(labels) > 2 else {}
        tables.append(pd.DataFrame({x: grid, y: curves.mean(axis=0), **columns} if judged else {x: [], y: []}))
    return tables[0], tables[1]


def confusion_table(truth: np.ndarray, chosen: np.ndarray, labels: list[str]) -> pd.DataFrame:
    """Return actual and predicted class of each test text, as DVC's confusion templates take them.

    Of more than CONFUSION_CLASSES, those with the most mistakes keep their names, and the rest becomes OTHERS.
    """
    names = np.asarray(labels, dtype=object)
    if len(labels) > CONFUSION_CLASSES:
        wrong = truth != chosen
        mistakes = np.bincount(np.concatenate([truth[wrong], chosen[wrong]]), minlength=len(labels))
        names[np.argsort(-mistakes, kind="stable")[CONFUSION_CLASSES - 1 :]] = OTHERS
    return pd.DataFrame({"actual": names[truth], "predicted": names[chosen]})


if __name__ == "__main__":
    run_stage(main)
