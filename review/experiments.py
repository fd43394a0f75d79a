"""Compare many experiments with the commit that they started from."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from review.committed import flat
from review.errors import CannotJudge, Unavailable
from review.evidence import clusters_of, why_incomparable
from review.predictions import Predictions, pair, read_predictions
from review.revisions import Revision
from scoring.comparisons import Seeds, Simultaneous, outlives_the_seeds, over_seeds, simultaneous
from scoring.judges import Judge
from scoring.resampling import Scorer, resampled_scores

SEED = "train.seed"
FEWEST_FOR_IMPORTANCE = 5  # experiments


@dataclass(frozen=True)
class Ranked:
    """One experiment beside the base, on the same rows."""

    revision: Revision
    params: dict[str, Any]  # those that differ from the base's
    score: float
    change: Simultaneous


@dataclass(frozen=True)
class Recipe:
    """Experiments that differ in the seed alone, with the base among them where it is of that recipe."""

    params: dict[str, Any]  # those that differ from the base's, but for the seed
    scores: Seeds
    outlives: bool  # whether all its seeds lie apart from all those of the base's recipe


@dataclass(frozen=True)
class Comparison:
    metric: str
    base: Revision
    base_score: float
    ranked: list[Ranked]  # the best first
    recipes: list[Recipe] = field(default_factory=list)
    importance: dict[str, float] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)  # why an experiment isn't in the table


def compare_experiments(
    base: Revision, heads: Sequence[Revision], metric: str, resamples: int, folder: Path
) -> Comparison:
    """Rank experiments by a score, with intervals that hold for all of them together.

    Raises:
        CannotJudge: when no two of them judged the same rows.
    """
    try:
        known = read_predictions(base, folder)
    except Unavailable as error:
        raise CannotJudge(f"the experiments can't be compared: {error}") from error
    found, left_out = same_rows(known, heads, folder)
    if not found:
        raise CannotJudge(f"no experiment can be compared with {base}: {'; '.join(left_out)}")
    clusters = clusters_of(known, base)
    judges = [known.answers, *found.values()]
    sampled = resampled_scores(known.truth, judges, clusters, resamples, seed=0)
    if metric not in sampled[0]:
        raise CannotJudge(f"{metric}, the first of largest_drop in review/gate.yaml, is not a score of these models")
    whole = [float(scores[metric][0]) for scores in point_scores(known.truth, judges)]
    names = [str(revision) for revision in found]
    changes = simultaneous(
        {name: score - whole[0] for name, score in zip(names, whole[1:], strict=True)},
        {name: scores[metric] - sampled[0][metric] for name, scores in zip(names, sampled[1:], strict=True)},
        clusters,
    )
    ranked = [
        Ranked(revision, changed_params(base, revision), score, changes[str(revision)])
        for revision, score in zip(found, whole[1:], strict=True)
    ]
    ranked.sort(key=lambda item: -item.score)
    return Comparison(
        metric,
        base,
        whole[0],
        ranked,
        recipes(base, whole[0], ranked),
        importance(ranked, dict(flat(base.params))),
        left_out,
    )


def same_rows(known: Predictions, heads: Sequence[Revision], folder: Path) -> tuple[dict[Revision, Judge], list[str]]:
    """Return the answers of those experiments that judged the base's rows, and why the others are left out."""
    found, left_out = {}, []
    for revision in heads:
        try:
            theirs = read_predictions(revision, folder)
        except Unavailable as error:
            left_out.append(str(error))
            continue
        if reason := why_incomparable(known, theirs):
            left_out.append(f"{revision}: {reason}")
            continue
        pairs = pair(theirs, known)
        if len(pairs) < len(known.rows):
            left_out.append(f"{revision} judged other rows: review it alone")
        else:
            found[revision] = pairs.base.answers
    return found, left_out


def point_scores(truth: np.ndarray, judges: Sequence[Judge]) -> list[dict[str, np.ndarray]]:
    """Return each judge's scores on all rows, each as float (1,)."""
    everything = np.zeros(len(truth), dtype=int)
    return [Scorer(truth, judge, everything)(np.ones((1, 1))) for judge in judges]


def changed_params(base: Revision, head: Revision) -> dict[str, Any]:
    before, after = dict(flat(base.params)), dict(flat(head.params))
    return {key: after.get(key) for key in sorted({*before, *after}) if before.get(key) != after.get(key)}


def recipes(base: Revision, base_score: float, ranked: Sequence[Ranked]) -> list[Recipe]:
    """Group experiments that differ in the seed alone; the base's recipe stands first."""
    groups: dict[str, tuple[dict[str, Any], list[float]]] = {str({}): ({}, [base_score])}
    for item in ranked:
        params = {key: value for key, value in item.params.items() if key != SEED}
        groups.setdefault(str(params), (params, []))[1].append(item.score)
    first = over_seeds(groups[str({})][1])
    return [
        Recipe(params, seeds, outlives_the_seeds(first, seeds))
        for params, scores in groups.values()
        for seeds in [over_seeds(scores)]
    ]


def importance(ranked: Sequence[Ranked], base: dict[str, Any]) -> dict[str, float]:
    """Return how much each param that varies says of the score: by how much a random forest's R² falls when the param
    is shuffled (permutation importance: Breiman, Random forests, 2001). None for too few experiments."""
    keys = sorted({key for item in ranked for key in item.params})
    if len(ranked) < FEWEST_FOR_IMPORTANCE or not keys:
        return {}
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.inspection import permutation_importance

    table = pd.DataFrame([{key: item.params.get(key, base.get(key)) for key in keys} for item in ranked])
    numbers = table.apply(as_numbers)
    scores = [item.score for item in ranked]
    forest = RandomForestRegressor(random_state=0, n_jobs=1).fit(numbers, scores)
    found = permutation_importance(forest, numbers, scores, random_state=0, n_repeats=20).importances_mean
    return dict(sorted(zip(keys, map(float, found), strict=True), key=lambda item: -item[1]))


def as_numbers(column: pd.Series) -> pd.Series:
    """Return numbers as they are, and other values by their place among the sorted ones."""
    if column.map(lambda value: isinstance(value, (int, float))).all():
        return column.astype(float)
    return column.astype(str).astype("category").cat.codes.astype(float)
