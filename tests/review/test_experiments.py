"""Many experiments at once, as DVC keeps them."""

from collections.abc import Callable

import numpy as np
import pytest
from judged import Judged, flipped, write_results
from tiny import Clone, edit_params

from review.experiments import importance, recipes
from review.revisions import Revision, experiments

Review = Callable[..., tuple[int, str, str]]


@pytest.fixture
def ranked(project: Clone, base_judged: Judged) -> Clone:
    """A project with four experiments: three seeds of another rate, and a rank; DVC keeps each as a commit."""
    for name, seed, rate, won in (
        ("s0", 0, 0.002, 20),
        ("s1", 1, 0.002, 21),
        ("s2", 2, 0.002, 24),
        ("rank", 0, 0.0008, 2),
    ):
        edit_params(
            project.folder, **{"train.seed": seed, "train.learning_rate": rate, "lora.r": 4 if name == "rank" else 8}
        )
        write_results(project.folder, flipped(base_judged, 2, won, seed=seed))
        project.run("dvc", "exp", "save", "--quiet", "--name", name)
        project.run("git", "checkout", "--quiet", "--", ".")
    project.run("dvc", "checkout", "--quiet", "--force")
    return project


def test_experiments_are_ranked_and_seeds_taken_together(ranked: Clone, review: Review) -> None:
    assert sorted(name.rpartition("/")[2] for name in experiments(ranked.run("git", "rev-parse", "HEAD").strip())) == [
        "rank",
        "s0",
        "s1",
        "s2",
    ]
    status, said, _ = review("--queue", "--seeds")
    report = ranked.read("reports/review.md")
    assert status == 0, said
    assert "s2 is better than the base in accuracy" in said
    assert "allowed for that it is the best of 4" in said
    places = [report.index(f"| `{name}` |") for name in ("s2", "s1", "s0", "rank")]
    assert places == sorted(places)
    assert "| `train.learning_rate=0.002` | 3 |" in report
    assert "one seed says nothing" in report  # of the base's recipe there is one
    assert "Fewer than 5 experiments say nothing of the importance of a param" in report
    status, said, _ = review("rank", "s0")
    assert (status, "allowed for that it is the best of 2" in said) == (0, True), said
    status, said, _ = review("--head", "rank", "--base", "s2")
    assert "accuracy is worse" in said
    assert status == 1


def test_importance_goes_to_the_param_that_decides() -> None:
    class Item:
        def __init__(self, place: int) -> None:
            self.params = {"lora.r": 2 ** (place % 4), "lora.init": ["default", "pissa"][place // 4 % 2]}
            self.score = 0.8 + 0.02 * (place % 4) + 0.0001 * (place % 3)

    found = importance([Item(place) for place in range(16)], {})  # type: ignore[misc]
    assert list(found) == ["lora.r", "lora.init"]
    assert found["lora.r"] > 10 * abs(found["lora.init"])
    assert importance([Item(place) for place in range(3)], {}) == {}  # type: ignore[misc]


def test_a_difference_outlives_the_seeds_where_the_ranges_are_apart() -> None:
    class Item:
        def __init__(self, rate: float, seed: int, score: float) -> None:
            self.params = {"train.learning_rate": rate, "train.seed": seed} if rate else {"train.seed": seed}
            self.score = score

    items = [
        Item(0, 1, 0.81),
        Item(0, 2, 0.82),
        Item(0.1, 0, 0.83),
        Item(0.1, 1, 0.85),
        Item(0.2, 0, 0.815),
        Item(0.2, 1, 0.9),
    ]
    found = recipes(Revision("workspace", None), 0.8, items)  # type: ignore[arg-type]
    assert [(recipe.scores.count, recipe.outlives) for recipe in found] == [(3, False), (2, True), (2, False)]
    assert np.isclose(found[0].scores.mean, 0.81)
