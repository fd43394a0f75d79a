"""Compare two classifiers, a base and a head, that judged the same rows."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from scipy.stats import binomtest

from scoring.clusters import Clusters
from scoring.intervals import DOUBT, mostly_defined, percentiles, standard_error
from scoring.judges import Judge, decisions, one_after_the_other, right
from scoring.resampling import Scorer, chunks, joined, resampled_scores
from scoring.scores import judge_scores

FEW = 25  # rows decided otherwise, below which McNemar's test is taken exactly (Agresti, Categorical data analysis)
LOWER_IS_BETTER = ("log_loss", "brier", "ece")


class Verdict(StrEnum):
    """What a difference says of the head."""

    SAME = "the same"
    BETTER = "better"
    WORSE = "worse"
    NO_WORSE = "no worse than the margin"
    UNCLEAR = "can't tell"


@dataclass(frozen=True)
class Difference:
    """The change of one score from base to head, head less base, as the score is written (a lower log loss is < 0)."""

    name: str
    base: float
    head: float
    low: float  # of the change's 95 % interval
    high: float
    standard_error: float
    p_value: float  # two-sided, of the swap test; NaN where none was done
    few: bool = False  # fewer than FEW rows are decided otherwise

    @property
    def change(self) -> float:
        return self.head - self.base

    @property
    def gain(self) -> tuple[float, float, float]:
        """The change and its interval, turned so that more is better."""
        lower = self.name.startswith(LOWER_IS_BETTER)
        return (-self.change, -self.high, -self.low) if lower else (self.change, self.low, self.high)

    def within(self, margin: float) -> bool:
        """Say whether the head is not worse by more than `margin`, judged by the interval (non-inferiority)."""
        return self.gain[1] >= -margin

    def verdict(self, margin: float) -> Verdict:
        """Say better or worse where the interval excludes 0, else what it says of the margin.

        Where only few rows are decided otherwise, the swap test must agree: of 7 rows won and 1 lost the bootstrap
        would make a better model, and McNemar's exact test, with p = 0.07, would not.
        """
        _, low, high = self.gain
        if self.change == self.low == self.high == 0:
            return Verdict.SAME
        if (low > 0 or high < 0) and not (self.few and self.p_value > DOUBT):
            return Verdict.BETTER if low > 0 else Verdict.WORSE
        return Verdict.NO_WORSE if self.within(margin) else Verdict.UNCLEAR


def paired_differences(
    truth: np.ndarray, base: Judge, head: Judge, clusters: Clusters, resamples: int, seed: int
) -> dict[str, Difference]:
    """Return the change of each resampled score, with its paired bootstrap interval and the p-value of the swap test.

    Args:
        truth, base, head: see scoring/judges.py.
    """
    scores = [judge_scores(truth, judge) for judge in (base, head)]
    sampled = resampled_scores(truth, [base, head], clusters, resamples, seed)
    few = int((~right(decisions(base), decisions(head))).sum()) < FEW
    return differences(scores, sampled, clusters, swap_test(truth, base, head, clusters, resamples, seed), few)


def differences(
    scores: Sequence[Mapping[str, float]],
    sampled: Sequence[Mapping[str, np.ndarray]],
    clusters: Clusters,
    p_values: Mapping[str, float],
    few: bool = False,
) -> dict[str, Difference]:
    """Put together what is known of base and head: their scores, and these on the same resamples, (resamples,) each."""
    found = {}
    for name in [name for name in sampled[0] if name in sampled[1]]:
        change = sampled[1][name] - sampled[0][name]
        ends = percentiles(change, clusters) if mostly_defined(change) else (-1.0, 1.0)
        error = standard_error(change, clusters)
        p_value = p_values.get(name, math.nan)
        found[name] = Difference(name, scores[0][name], scores[1][name], *ends, error, p_value, few)
    return found


def unpaired_differences(
    base: tuple[np.ndarray, Judge, Clusters],
    head: tuple[np.ndarray, Judge, Clusters],
    resamples: int,
    seed: int,
) -> dict[str, Difference]:
    """Return the change of each score between judges of different rows: (truth, judge, clusters) of each.

    The two are resampled apart, so the intervals are wider than paired ones, and there is no swap test.
    """
    scores = [judge_scores(truth, judge) for truth, judge, _ in (base, head)]
    sampled = [
        resampled_scores(truth, [judge], clusters, resamples, seed + place)[0]
        for place, (truth, judge, clusters) in enumerate((base, head))
    ]
    return differences(scores, sampled, min(base[2], head[2], key=lambda clusters: clusters.degrees), {})


def swap_test(
    truth: np.ndarray, base: Judge, head: Judge, clusters: Clusters, swaps: int, seed: int
) -> dict[str, float]:
    """Return the two-sided p-value of each score's change, by swapping base and head in clusters chosen by chance.

    If the two are alike it does not matter who is called head, cluster by cluster: the p-value is how often a change
    is as large as the one found when a coin decides (Yeh, More accurate tests for the statistical significance of
    result differences, 2000). It holds for any score and for few rows that differ, where the bootstrap does not. For
    single rows and accuracy it is McNemar's exact test, but for the number of swaps.
    """
    random = np.random.default_rng(seed)
    both, judges = np.concatenate([truth, truth]), one_after_the_other(base, head)
    scorer = Scorer(both, judges, np.concatenate([clusters.of_row, clusters.of_row + clusters.count]))
    keep = np.repeat([[1.0], [0.0]], clusters.count, axis=0)
    found = changes(scorer, keep)
    sizes: list[dict[str, np.ndarray]] = []
    for number in chunks(len(both), swaps):
        swapped = random.integers(2, size=(clusters.count, number)).astype(float)
        sizes.append(changes(scorer, np.concatenate([1 - swapped, swapped])))
    slack = 1e-12  # a sum taken in another order is the same sum
    return {
        name: float((1 + (np.abs(values) >= np.abs(found[name]) - slack).sum()) / (1 + swaps))
        for name, values in joined(sizes).items()
    }


def changes(scorer: Scorer, of_base: np.ndarray) -> dict[str, np.ndarray]:
    """Return head less base of each score, where 0 or 1 says whose answers stand for the base, (2 clusters, swaps)."""
    base, head = scorer(of_base), scorer(1 - of_base)
    return {name: head[name] - base[name] for name in base}


@dataclass(frozen=True)
class Flips:
    """Rows in which one of two judges is right and the other wrong."""

    lost: int  # base right, head wrong
    won: int  # base wrong, head right
    p_value: float  # of McNemar's exact test, two-sided: rows are taken to be independent


def count_flips(base_correct: np.ndarray, head_correct: np.ndarray) -> Flips:
    """Count the rows, bool (rows,) each, that flipped each way, and test whether the two ways are equally likely."""
    lost, won = int((base_correct & ~head_correct).sum()), int((~base_correct & head_correct).sum())
    return Flips(lost, won, float(binomtest(won, lost + won).pvalue) if lost + won else 1.0)
