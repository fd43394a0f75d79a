"""Measure the statistics of a review on simulated test splits whose rows are not independent.

Reviews stand in the data film by film, up to 30 of one label in a row, and those of a film are alike; a test split is
20 blocks of 100 neighbours. How alike they are is set so that the variance of accuracy is 1.44 times that of
independent rows, as was measured on 25,000 reviews with their film known. That of the difference of two models is set
to 1.3: it was 1.15 to 1.5 for linear models of the same and of other reviews.

Printed for each length of run that rows are resampled in: how often two seeds of one recipe are called better or worse
(should be 5 % at most), how often a real drop of 2 points, with 7 % of the answers other ones, is found, and how often
the intervals hold the true value (should be 95 %).

Run: python -m bench.review_statistics [--pairs N] [--runs N ...]
"""

import argparse
from dataclasses import astuple, dataclass, replace

import numpy as np
from scipy.special import expit

from scoring.clusters import RUN_ROWS, Clusters, grouped_rows, neighbouring_rows, single_rows
from scoring.intervals import percentiles
from scoring.paired import Verdict, differences
from scoring.power import design_effect
from scoring.resampling import resampled_scores
from scoring.scores import classification_scores

FILM_ROWS, BLOCK_ROWS, TEST_ROWS = 30, 100, 2000
SHARPNESS = 2.5  # of the probabilities: a margin of 1 is a logit of 2.5
SCORES = ("accuracy", "f1", "roc_auc", "log_loss")
RESAMPLES = 1000
TRUE_BLOCKS = 2000  # of a split so large that its scores are the true ones


@dataclass(frozen=True)
class World:
    """A kind of rows and two models of them, in standard deviations of what makes a row hard for both."""

    margin: float  # of the mean row: above 0 is right
    noise: float  # of each model's own
    drop: float  # of the head's margin
    alike: float  # share of a film in what makes a row hard for both
    own_alike: float  # share of a film in a model's own noise


SEEDS = World(margin=1.345, noise=0.342, drop=0.0, alike=0.062, own_alike=0.14)
DROP = replace(SEEDS, drop=0.11)


@dataclass(frozen=True)
class Split:
    """A test split: true classes, film and place of each row, int (rows,), and the probabilities of base and head."""

    truth: np.ndarray
    film: np.ndarray
    place: np.ndarray
    judges: tuple[np.ndarray, np.ndarray]


def draw_split(world: World, blocks: int, random: np.random.Generator) -> Split:
    """Draw blocks of neighbours, half of them of each class, and let both models judge them."""
    truth = np.repeat([0, 1], blocks // 2 * BLOCK_ROWS)
    film = np.concatenate([block * BLOCK_ROWS + films_of_a_block(random) for block in range(blocks)])
    hard = world.margin + shared(world.alike, film, random)
    judges = []
    for drop in (0.0, world.drop):
        margin = hard - drop + world.noise * shared(world.own_alike, film, random)
        positive = expit(SHARPNESS * np.where(truth == 1, margin, -margin))
        judges.append(np.stack([1 - positive, positive], axis=1))
    return Split(truth, film, np.arange(len(truth)), (judges[0], judges[1]))


def films_of_a_block(random: np.random.Generator) -> np.ndarray:
    """Return the film of each row of a block, which begins somewhere in a film."""
    sizes = random.integers(1, FILM_ROWS + 1, size=BLOCK_ROWS + 1)
    start = random.integers(FILM_ROWS)
    return np.repeat(np.arange(len(sizes)), sizes)[start : start + BLOCK_ROWS]


def shared(share: float, film: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Return a standard normal number for each row of which `share` of the variance is that of its film."""
    of_film = random.normal(size=film.max() + 1)[film]
    return np.sqrt(share) * of_film + np.sqrt(1 - share) * random.normal(size=len(film))


def describe(split: Split) -> dict[str, float]:
    """Return the accuracies, how many answers are other ones, and the design effects of films."""
    base, head = (judge.argmax(axis=1) == split.truth for judge in split.judges)
    films = grouped_rows(split.film.astype(str).tolist(), split.truth)
    return {
        "accuracy of the base": base.mean(),
        "of the head": head.mean(),
        "other answers": (base != head).mean(),
        "design effect": design_effect(base.astype(float), films),
        "of the difference": design_effect(head.astype(float) - base, films),
    }


@dataclass
class Tally:
    """How often, of all pairs, a score's verdict was better, worse, and its intervals held the true values."""

    better: int = 0
    worse: int = 0
    held: int = 0  # of the head's score
    change_held: int = 0  # of the difference


def judge_pairs(world: World, pairs: int, run_rows: int, seed: int) -> dict[str, Tally]:
    """Draw pairs of models with a test split each, and count what the review would say of them."""
    random = np.random.default_rng(seed)
    whole = draw_split(world, TRUE_BLOCKS, np.random.default_rng(0))
    base, head = (classification_scores(whole.truth, judge) for judge in whole.judges)
    tallies = {name: Tally() for name in SCORES}
    for pair in range(pairs):
        split = draw_split(world, TEST_ROWS // BLOCK_ROWS, random)
        clusters = clusters_of(split, run_rows)
        scores = [classification_scores(split.truth, judge) for judge in split.judges]
        sampled = resampled_scores(split.truth, split.judges, clusters, RESAMPLES, pair)
        found = differences(scores, sampled, clusters, {})  # many rows differ: the swap test decides nothing
        for name, tally in tallies.items():
            low, high = percentiles(sampled[1][name], clusters)
            verdict = found[name].verdict(0.0)
            tally.better += verdict == Verdict.BETTER
            tally.worse += verdict == Verdict.WORSE
            tally.held += low <= head[name] <= high
            tally.change_held += found[name].low <= head[name] - base[name] <= found[name].high
    return tallies


def clusters_of(split: Split, run_rows: int) -> Clusters:
    if run_rows == 1:
        return single_rows(split.truth)
    return neighbouring_rows([f"reviews:{place}" for place in split.place], split.truth, run_rows)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--pairs", type=int, default=400, help="pairs of models for each line (default: 400)")
    arguments.add_argument("--runs", type=int, nargs="+", default=[RUN_ROWS], help="rows of a run; 1: none together")
    chosen = arguments.parse_args()
    kinds = {"two seeds": SEEDS, "a drop of 2 points": DROP}
    for kind, world in kinds.items():
        described = describe(draw_split(world, TRUE_BLOCKS, np.random.default_rng(0)))
        print(f"{kind}: " + ", ".join(f"{name} {value:.3f}" for name, value in described.items()))
    print(f"\n{chosen.pairs} pairs a line, of {TEST_ROWS:,} rows, {RESAMPLES:,} resamples each")
    print(f"{'':19}{'run':>4} {'score':9}{'better':>8}{'worse':>8}{'interval holds':>16}{'of the change':>15}")
    for kind, world in kinds.items():
        for run_rows in chosen.runs:
            for name, tally in judge_pairs(world, chosen.pairs, run_rows, seed=1).items():
                rates = (value / chosen.pairs for value in astuple(tally))
                print(f"{kind:19}{run_rows:4} {name:9}{next(rates):8.1%}{next(rates):8.1%}", end="")
                print(f"{next(rates):16.1%}{next(rates):15.1%}", flush=True)


if __name__ == "__main__":
    main()
