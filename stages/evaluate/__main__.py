"""Judge the trained adapter on the test split, beside a linear baseline trained on the same texts.

Run: python -m stages.evaluate
"""

import json

import numpy as np
import pandas as pd
import torch
from safetensors.numpy import load_file
from scipy.special import softmax

from scoring.calibration import fit_temperature
from scoring.clusters import Clusters, known_clusters
from scoring.intervals import intervals
from scoring.metric import ClassificationScores
from scoring.resampling import resampled_scores
from stages.common.errors import run_stage
from stages.common.first_position import skip_unread_positions
from stages.common.inference import predict_logits
from stages.common.model import load_adapter
from stages.common.outputs import whole_output, write_json, write_table
from stages.common.params import EvaluateParams, load_params
from stages.common.paths import stage_paths
from stages.common.references import resolve_model
from stages.common.splits import SPLITS, read_split
from stages.evaluate.baseline import linear_baseline
from stages.evaluate.behaviour import failure_rates, judge_behaviour, read_suite
from stages.evaluate.label_errors import label_errors
from stages.evaluate.plots import write_plots
from stages.evaluate.predictions import class_table, confident_mistakes, for_people, write_predictions
from stages.evaluate.slices import check_columns, slice_table
from stages.evaluate.texts import text_predictor

MARGINS = ("accuracy", "f1", "roc_auc")  # scores whose margin over the baseline is reported
CALIBRATION = ("brier", "ece", "log_loss")  # scores that the temperature changes, reported without it too


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
    block_rows = params.data.block_rows if params.data.split == "blocked" else None
    clusters = known_clusters(test["group"].tolist(), test["origin"].tolist(), truth, block_rows)
    scores = compare(truth, probabilities, uncalibrated, baseline, clusters, params.evaluate)
    scores |= {
        "temperature": temperature,
        "slices": {"looked_at": len(slices), "worse": int(slices["worse"].sum())},
        "label_errors": {split: len(table) for split, table in suspects.items()},
    }
    with whole_output(paths["evaluation"]) as folder:
        write_predictions(folder / "predictions.csv", test, labels, probabilities, clusters)
        write_table(folder / "confident_mistakes.csv", for_people(confident_mistakes(test, labels, probabilities)))
        write_table(folder / "classes.csv", for_people(class_table(truth, probabilities, labels)))
        errors = pd.concat(suspects, names=["split"]).reset_index("split")
        write_table(folder / "label_errors.csv", for_people(errors))
        if behaviour is not None:
            scores["behaviour"] = failure_rates(behaviour)
            write_table(folder / "behaviour_failures.csv", behaviour[behaviour["failed"]].drop(columns="failed"))
    write_plots(paths, truth, probabilities, uncalibrated, labels)
    write_table(paths["slices.csv"], slices)
    write_json(paths["evaluate.json"], scores)


def compare(
    truth: np.ndarray,
    probabilities: np.ndarray,
    uncalibrated: np.ndarray,
    baseline: np.ndarray,
    clusters: Clusters,
    params: EvaluateParams,
) -> dict:
    """Return the scores of the model with their intervals, those of the baseline, and the margin between the two.

    The probabilities are float (n, classes) each, of the same rows.
    """
    metric = ClassificationScores(keep_in_memory=True)
    scores, raw, linear = (
        metric.compute(predictions=item, references=truth) for item in (probabilities, uncalibrated, baseline)
    )
    sampled, linear_sampled = resampled_scores(
        truth, [probabilities, baseline], clusters, params.resamples, params.seed
    )
    names = [name for name in MARGINS if name in scores]
    margins = {f"margin_{name}": scores[name] - linear[name] for name in names}
    sampled_margins = {f"margin_{name}": sampled[name] - linear_sampled[name] for name in names}
    return {
        **scores,
        **intervals(scores, sampled, clusters),
        **margins,
        **intervals(margins, sampled_margins, clusters),
        "clusters": clusters.count,
        "baseline": linear,
        "uncalibrated": {name: raw[name] for name in CALIBRATION},
        "rows": len(truth),
    }


if __name__ == "__main__":
    run_stage(main)
