"""Judge the trained adapter on the test split, beside a linear baseline trained on the same texts.

Run: python -m stages.evaluate
"""

import json

from stages.common.class_weights import class_weights
from stages.common.errors import run_stage
from stages.common.outputs import whole_output, write_json, write_table
from stages.common.params import load_params
from stages.common.paths import stage_paths
from stages.common.references import resolve_model
from stages.common.text_columns import text_columns
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
    rows = read_rows(paths["prepared"])
    labels, test, truth = rows.labels, rows.test, rows.truth
    check_columns(params.evaluate.slices, test)
    suite = read_suite(paths["behaviour.yaml"])
    base = resolve_model(params.model.base, "model.base")
    model = load_judge(base, paths["adapter"], labels, params.model.load_in_4bit)

    clusters = clusters_of_test(rows, params.data)
    judged = judge(model, rows, paths, params.evaluate.batch_size, params.tokenize.window_pooling)
    probabilities, uncalibrated = judged.probabilities, judged.uncalibrated
    weights = class_weights(params.train.class_weights, rows.numbers["train"], labels)
    baseline = linear_baseline(rows.splits, rows.numbers, weights, params.evaluate.seed)
    predict = text_predictor(model, base, params.tokenize, params.evaluate, judged.temperature)

    scores = compare(truth, probabilities, uncalibrated, baseline.probabilities, clusters, params.evaluate)
    slices = slice_table(test, judged.tokens, probabilities.argmax(axis=1) == truth, params.evaluate.slices)
    errors = suspects(rows, baseline.suspicions, probabilities)
    behaviour = judge_behaviour(suite, labels, len(text_columns(test)) == 2, predict)
    scores["baseline"]["characters"] = int(baseline.kind == "characters")
    scores["temperature"] = judged.temperature
    scores["slices"] = {"looked_at": len(slices), "worse": int(slices["worse"].sum())}
    scores["label_errors"] = {split: int((errors["split"] == split).sum()) for split in ("test", "train")}
    with whole_output(paths["evaluation"]) as folder:
        write_predictions(folder / "predictions.csv", test, labels, probabilities, clusters)
        write_table(folder / "confident_mistakes.csv", for_people(confident_mistakes(test, labels, probabilities)))
        write_table(folder / "classes.csv", for_people(class_table(truth, probabilities, labels)))
        write_table(folder / "label_errors.csv", for_people(errors))
        if behaviour is not None:
            scores["behaviour"] = failure_rates(behaviour)
            write_table(folder / "behaviour_failures.csv", behaviour[behaviour["failed"]].drop(columns="failed"))
    write_plots(paths, truth, probabilities, uncalibrated, labels)
    write_table(paths["slices.csv"], slices)
    write_json(paths["evaluate.json"], scores)
    print(summary(scores, *(json.loads(paths[name].read_text("utf-8")) for name in ("data.json", "tokenize.json"))))


if __name__ == "__main__":
    run_stage(main)
