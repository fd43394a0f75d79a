"""Judge the trained adapter on the test split, beside a linear baseline trained on the same texts.

Run: python -m stages.evaluate
"""

import json

from scoring.judges import decisions, probabilities, right
from stages.common.class_weights import class_weights
from stages.common.errors import run_stage
from stages.common.outputs import whole_output, write_json, write_table
from stages.common.params import load_params
from stages.common.paths import stage_paths
from stages.common.references import resolve_model
from stages.evaluate.baseline import linear_baseline
from stages.evaluate.behaviour import failure_rates, judge_behaviour, read_suite
from stages.evaluate.comparison import compare
from stages.evaluate.inputs import clusters_of_test, read_rows
from stages.evaluate.judging import judge, load_judge
from stages.evaluate.label_errors import suspects
from stages.evaluate.plots import write_plots
from stages.evaluate.predictions import class_table, confident_mistakes, for_people, write_predictions
from stages.evaluate.slices import check_columns, slice_table
from stages.evaluate.summary import summary
from stages.evaluate.texts import text_predictor


def main() -> None:
    """Leave metrics/evaluate.json, the tables behind the plots, and tables of what to look at in data/evaluation.

    Raises:
        MissingInput: naming the stage that makes what is missing.
        UserError: for a column of `evaluate.slices` that isn't there, and for mistakes in the behaviour suite.
    """
    params, paths = load_params(), stage_paths("evaluate")
    counts = [json.loads(paths[name].read_text("utf-8")) for name in ("data.json", "tokenize.json")]
    rows = read_rows(paths["prepared"], paths["tokenized"])
    labels, test, truth = rows.labels, rows.test, rows.truth
    check_columns(params.evaluate.slices, test)
    suite = read_suite(paths["behaviour.yaml"])
    base = resolve_model(params.model.base, "model.base")
    model = load_judge(base, paths["adapter"], labels, params.model.load_in_4bit)

    clusters = clusters_of_test(rows, params.data)
    judged = judge(model, rows, paths, params.evaluate.batch_size, params.tokenize.window_pooling)
    answers, calibrated = judged.answers, judged.calibrated
    weights = class_weights(params.train.class_weights, rows.truths["train"], labels)
    baseline = linear_baseline(rows.splits, rows.truths, weights, params.evaluate.seed)
    predict = text_predictor(model, base, params.tokenize, params.evaluate, calibrated.temperature)

    scores = compare(truth, answers, judged.uncalibrated, baseline.answers, clusters, params.evaluate)
    slices = slice_table(test, judged.tokens, right(truth, decisions(answers)), clusters, params.evaluate)
    errors = suspects(rows, baseline.suspicions, probabilities(answers))
    behaviour = judge_behaviour(suite, labels, rows.peculiarity, predict)
    scores["baseline"]["characters"] = int(baseline.kind == "characters")
    scores["temperature"] = calibrated.temperature
    if calibrated.thresholds is not None:
        scores["thresholds"] = dict(zip(labels, calibrated.thresholds.tolist(), strict=True))
    scores["slices"] = {"looked_at": len(slices), "worse": int(slices["worse"].sum())}
    scores["label_errors"] = {split: int((errors["split"] == split).sum()) for split in ("test", "train")}
    with whole_output(paths["evaluation"]) as folder:
        write_predictions(folder / "predictions.csv", test, labels, answers, clusters)
        write_table(folder / "confident_mistakes.csv", for_people(confident_mistakes(test, labels, truth, answers)))
        write_table(folder / "classes.csv", for_people(class_table(truth, answers, labels)))
        write_table(folder / "label_errors.csv", for_people(errors))
        if behaviour is not None:
            scores["behaviour"] = failure_rates(behaviour)
            write_table(folder / "behaviour_failures.csv", behaviour[behaviour["failed"]].drop(columns="failed"))
    write_plots(paths, truth, answers, judged.uncalibrated, labels)
    write_table(paths["slices.csv"], slices)
    write_json(paths["evaluate.json"], scores)
    print(summary(scores, *counts))


if __name__ == "__main__":
    run_stage(main, "evaluate")
