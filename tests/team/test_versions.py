"""A model has versions and stages, which are Git tags, and anybody gets one of them by its name."""

from pathlib import Path

import pytest
from people import Team, follow, tutorial
from tiny import Clone, edit_params

ADDRESS = "https://git.example.com/team/reviews.git"


@pytest.fixture
def published(small: Clone, tmp_path: Path) -> Team:
    """A team of which the first has published `small` with its results."""
    team = Team(tmp_path / "team")
    small.run("dvc", "remote", "add", "--default", "storage", str(team.storage))
    small.commit("The team's remote")
    small.run("git", "remote", "add", "origin", str(team.origin))
    small.run("git", "push", "--quiet", "--set-upstream", "origin", "main")
    return team


@pytest.mark.nightly
def test_a_version_and_a_stage_are_had_by_name(small: Clone, published: Team) -> None:
    release, fetch = tutorial("Give the model versions", {ADDRESS: str(published.origin)})
    shown = follow(small, release)
    assert "text-classifier" in shown
    assert "v1.0.0" in shown
    edit_params(small.folder, **{"evaluate.seed": 1})
    small.run("dvc", "repro", "--quiet")
    small.commit("Another seed")
    follow(small, release.replace("v1.0.0", "v1.1.0"))
    elsewhere = Clone(published.folder / "elsewhere")
    (elsewhere.folder / "models").mkdir(parents=True)
    follow(elsewhere, fetch)
    assert '"seed": 0' in elsewhere.read("models/v1")
    assert '"seed": 1' in elsewhere.read("models/production")
