"""Put the model's scores beside those of the baseline."""

import numpy as np

from scoring.clusters import Clusters
from scoring.intervals import intervals
from scoring.judges import Judge, LabelSets
from scoring.metric import ClassificationScores
from scoring.multilabel import label_set_scores
from scoring.resampling import resampled_scores
from stages.common.params import EvaluateParams

MARGINS = ("accuracy", "f1", "roc_auc")  # scores whose margin over the baseline is reported
CALIBRATION = ("brier", "ece", "log_loss")  # scores that the temperature changes, reported without it too


def compare(
    truth: np.ndarray,
    answers: Judge,
    uncalibrated: Judge,
    baseline: Judge,
    clusters: Clusters,
    params: EvaluateParams,
) -> dict:
    """Return the scores of the model with their intervals, those of the baseline, and the margin between the two.

    `answers` are the model's, of the same rows as the other two. `clusters` is how many units were resampled: rows,
    or groups or runs of neighbours.
    """
    scores, raw, linear = (scores_of(truth, judge) for judge in (answers, uncalibrated, baseline))
    sampled, linear_sampled = resampled_scores(truth, [answers, baseline], clusters, params.resamples, params.seed)
    names = [name for name in MARGINS if name in scores]
    margins = {f"margin_{name}": scores[name] - linear[name] for name in names}
    sampled_margins = {f"margin_{name}": sampled[name] - linear_sampled[name] for name in names}
    return {
        **scores,
        **intervals(scores, sampled, clusters),
        **margins,
        **intervals(margins, sampled_margins, clusters),
        "baseline": linear,
        "uncalibrated": {name: raw[name] for name in CALIBRATION},
        "rows": len(truth),
        "clusters": clusters.count,
    }


def scores_of(truth: np.ndarray, judge: Judge) -> dict[str, float]:
    if isinstance(judge, LabelSets):
        return label_set_scores(truth, judge)
    return ClassificationScores(keep_in_memory=True).compute(predictions=judge, references=truth)
