"""What many tests start from."""

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from exported import environment, exported, predict  # noqa: F401 - fixtures
from hypothesis import is_hypothesis_test, settings
from judged_project import base_judged, change, judged, project, review  # noqa: F401 - fixtures
from people import Team, let_make_run, small_project
from tiny import Clone, edit_params, made_once, make_clone, save_base_model

settings.register_profile("each time", max_examples=200, deadline=None, database=None, derandomize=True)
settings.register_profile("nightly", max_examples=10_000, deadline=None, database=None, print_blob=True)


def is_nightly(config: pytest.Config) -> bool:
    return config.option.markexpr == "nightly"


def pytest_configure(config: pytest.Config) -> None:
    """Try 200 cases of each property in `make test`, the same ones each time, and 10,000 others in `make nightly`.

    A shell makes programs in its background deaf to Ctrl-C, and what they start: the tests' programs must hear it.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    settings.load_profile("nightly" if is_nightly(config) else "each time")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Let `make nightly` run the property-based tests too: with more cases."""
    for item in items:
        if is_nightly(config) and isinstance(item, pytest.Function) and is_hypothesis_test(item.obj):
            item.add_marker("nightly")


@pytest.fixture(autouse=True, scope="session")
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep tests away from the user's caches and from the network."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("HF_HUB_OFFLINE", "1")
        yield


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all processes of a test run share."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="session")
def base_model(shared: Path) -> Path:
    """A tiny BERT of three blocks."""
    return made_once(shared / "base", save_base_model)


@pytest.fixture(scope="session")
def reproduced(shared: Path, base_model: Path) -> Clone:
    """A clone in which the pipeline has run and its results are committed. Copy it before changing it."""

    def run_pipeline(folder: Path) -> None:
        clone = make_clone(folder, base_model)
        clone.run("dvc", "repro")
        clone.commit("Run the pipeline")

    return Clone(made_once(shared / "reproduced", run_pipeline))


@pytest.fixture
def clone(reproduced: Clone, tmp_path: Path) -> Clone:
    """A copy of the reproduced clone, its cache included, to change at will."""
    folder = tmp_path / "clone"
    shutil.copytree(reproduced.folder, folder, symlinks=True)
    return Clone(folder)


@pytest.fixture
def ann(clone: Clone) -> Clone:
    """A person who has run the pipeline at rank 8; what her repository names, at rank 2, has been run by nobody."""
    let_make_run(clone)
    clone.run("git", "reset", "--quiet", "--hard", "HEAD~1")
    for path in ("dvc.lock", "metrics", "data/kept_metrics", "models/adapter", "models/export"):
        shutil.rmtree(clone.folder / path) if (clone.folder / path).is_dir() else (clone.folder / path).unlink(True)
    edit_params(clone.folder, **{"lora.r": 2})
    clone.commit("Rank 2")
    return clone


@pytest.fixture
def team(ann: Clone, tmp_path: Path) -> Team:
    """A team that Ann has started."""
    team = Team(tmp_path / "team")
    ann.run("git", "remote", "add", "origin", str(team.origin))
    ann.run("git", "push", "--quiet", "--set-upstream", "origin", "main")
    return team


@pytest.fixture
def small(shared: Path, tmp_path: Path) -> Clone:
    """A DVC project of two stages that take no time, run and committed."""
    made = made_once(shared / "small", small_project)
    return Clone(shutil.copytree(made, tmp_path / "small", symlinks=True))
