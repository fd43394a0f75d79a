"""What many tests start from."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tiny import Clone, made_once, make_clone, save_base_model


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
