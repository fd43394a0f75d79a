"""Whether the committed results are the commit's own is known from Git alone."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tiny import REPOSITORY, Clone, edit_params

from review.committed import check_committed
from review.dvc_files import folder_hash, hash_on_disk
from review.revisions import Revision, find_revision

Review = Callable[..., tuple[int, str, str]]


def problems(revision: str = "HEAD") -> list[str]:
    found = find_revision(revision)
    try:
        return check_committed(found).problems
    finally:
        found.close()


def test_results_that_dvc_has_just_taken_are_the_commits_own(project: Clone, review: Review) -> None:
    assert problems() == check_committed(Revision("workspace", None)).problems == []
    assert "up to date" in project.run("dvc", "status")
    assert review("--committed")[:2] == (0, "dvc.lock, the metrics and the README are those of workspace\n")


@pytest.mark.parametrize(
    ("path", "old", "new", "said"),
    [
        ("stages/train_lora/fit.py", '"""', '"""New. ', "train-lora has not run on this commit: stages/train_lora"),
        ("scoring/scores.py", '"""', '"""New. ', "evaluate has not run on this commit: scoring/scores.py"),
        ("params.yaml", "r: 8", "r: 16", "train-lora has not run on this commit: lora.r changed"),
        ("data/raw/tiny.csv", "text", "texts", "prepare-data has not run on this commit: data/raw changed"),
        (
            "dvc.yaml",
            "stages.tokenize",
            "stages.tokenize -v",
            "tokenize has not run on this commit: its command changed",
        ),
        ("dvc.yaml", "      - params.yaml", "", ""),
        (
            "metrics/evaluate.json",
            '"accuracy": 0.',
            '"accuracy": 0.9',
            "evaluate has not run on this commit: metrics/evaluate.json",
        ),
    ],
)
def test_what_is_stale_is_named(project: Clone, path: str, old: str, new: str, said: str) -> None:
    text = project.read(path)
    (project.folder / path).write_text(text.replace(old, new, 1), encoding="utf-8")
    if text == project.read(path):
        return
    in_workspace = check_committed(Revision("workspace", None)).problems
    assert problems() == []  # the commit is as it was
    project.commit("Change")
    assert problems() == in_workspace
    assert any(line.startswith(said) and "run `dvc repro`" in line for line in in_workspace), in_workspace


def test_a_stage_that_never_ran_is_named(project: Clone) -> None:
    lock = project.read("dvc.lock")
    start, end = lock.index("  evaluate:"), lock.index("  export:")
    (project.folder / "dvc.lock").write_text(lock[:start] + lock[end:])
    assert "evaluate is not in dvc.lock: run `dvc repro`" in check_committed(Revision("workspace", None)).problems[0]


def test_a_stale_lock_is_found_in_a_clone_without_data_in_five_seconds(project: Clone, tmp_path: Path) -> None:
    edit_params(project.folder, **{"train.seed": 7})
    project.commit("Another seed")
    fresh = Clone(tmp_path / "fresh")
    project.run("git", "clone", "--quiet", str(project.folder), str(fresh.folder))
    started = time.perf_counter()
    said = fresh.run("python", "-m", "review", "--committed", status=1)
    assert time.perf_counter() - started < 5
    assert "train-lora has not run on this commit: train.seed changed since" in said


def test_the_readme_quotes_the_metrics(project: Clone) -> None:
    accuracy = check_scores(project)["accuracy"]
    table = "| score | model | 95 % interval |\n| --- | --- | --- |\n| `accuracy` | {} | 0.1 wide |\n"
    (project.folder / "README.md").write_text(table.format(f"{accuracy:.2f}").replace("0.1 wide", "-"))
    assert check_committed(Revision("workspace", None)).problems == []
    (project.folder / "README.md").write_text(table.format(accuracy + 0.01).replace("0.1 wide", "0.321"))
    found = check_committed(Revision("workspace", None)).problems
    assert [line.partition(", and")[0] for line in found] == [f"README.md quotes {accuracy + 0.01}, 0.321 for accuracy"]


def check_scores(project: Clone) -> dict[str, float]:
    return Revision("workspace", None).metrics("evaluate.json")


def test_data_that_dvc_tracks_counts_by_its_hash(project: Clone) -> None:
    (project.folder / "data/raw/large.csv").write_text("text,label\nlong,1\n")
    project.run("dvc", "add", "--quiet", "data/raw/large.csv")
    project.run("dvc", "commit", "--force", "--quiet")
    project.commit("Large data")
    assert problems() == []
    pointer = project.folder / "data/raw/large.csv.dvc"
    pointer.write_text(pointer.read_text().replace("md5: ", "md5: 0", 1))
    project.commit("Another file")
    assert "prepare-data has not run on this commit: data/raw changed" in problems()[0]


def test_a_folder_has_dvcs_hash_whatever_its_names_are(project: Clone) -> None:
    folder = project.folder / "data/odd"
    for name in ("a/b", "a-b", "ä", "a b"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    project.run("dvc", "add", "--quiet", "data/odd")
    assert f"md5: {hash_on_disk(folder)}" in project.read("data/odd.dvc")
    assert folder_hash({}).endswith(".dir")


def test_the_results_of_this_repository_are_those_of_its_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    if not (REPOSITORY / ".git").exists():
        pytest.skip("not a Git clone: there is no commit to look at")
    monkeypatch.chdir(REPOSITORY)
    assert problems() == []
