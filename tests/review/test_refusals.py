"""What can't be reviewed gets one line and status 2, and nothing is left half-written."""

from collections.abc import Callable
from pathlib import Path

import pytest
from judged import commit_results, made_model, made_rows, write_results
from tiny import Clone

Review = Callable[..., tuple[int, str, str]]
LABELS = ("bad", "fine", "good")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--head", "nowhere"], "error: there is no revision 'nowhere': `git log` and `dvc exp show` list them"),
        (["--base", "nowhere"], "error: there is no revision 'nowhere'"),
        (["first", "second"], "error: there is no revision 'first'"),
        (["--queue"], "has no finished experiments"),
        (["--output", "README.md/reports"], "error: README.md/reports can't be written: Not a directory"),
        (["--head-logs", "logs", "--base-logs", "elsewhere"], "error: elsewhere/train-lora.json can't be read"),
        (["--speed"], "error: speed can't be measured: models/export/manifest.json of main"),
    ],
)
def test_a_wrong_argument(project: Clone, review: Review, arguments: list[str], line: str) -> None:
    status, _, errors = review(*arguments)
    assert status == 2
    assert line in errors
    assert errors.count("\n") == 1
    assert not list(Path("reports").glob("*"))


def test_a_shallow_clone(project: Clone, review: Review, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project.run("git", "commit", "--quiet", "--allow-empty", "--message", "Empty")
    project.run(
        "git",
        "clone",
        "--quiet",
        "--depth",
        "1",
        "--no-single-branch",
        project.folder.as_uri(),
        str(tmp_path / "shallow"),
    )
    monkeypatch.chdir(tmp_path / "shallow")
    for arguments in (["--base", "origin/main~1"], ["--base", "0123456789"]):
        status, _, errors = review(*arguments)
        assert (status, errors.count("\n")) == (2, 1)
        assert "this clone is shallow: run `git fetch --unshallow`" in errors


def test_another_place(tmp_path: Path, review: Review, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    status, _, errors = review()
    assert (status, errors.count("\n")) == (2, 1)
    assert "is not the root of a Git repository with a dvc.yaml" in errors


def test_results_that_are_not_there(project: Clone, review: Review) -> None:
    (project.folder / "metrics/evaluate.json").unlink()
    status, _, errors = review()
    assert (status, errors) == (
        2,
        "error: workspace has no metrics of evaluate: run `dvc repro` there and commit its results\n",
    )


def test_rules_with_mistakes(project: Clone, review: Review) -> None:
    gate = project.folder / "review/gate.yaml"
    gate.write_text(gate.read_text().replace("accuracy: 0.02", "accuracy: -1").replace("size:", "sizes:"))
    status, _, errors = review()
    assert status == 2
    for line in (
        "largest_drop.accuracy: greater than 0; however: -1",
        "sizes: unknown section",
        "size: missing section",
    ):
        assert line in errors


def test_no_common_rows(project: Clone, review: Review, change: Callable) -> None:
    change(made_model(made_rows(300, start=5_000), 0.9, seed=1))
    status, said, _ = review()
    assert status in (1, 2)
    assert "evidence: the test splits differ: no common rows" in said
    assert "The models were not compared row by row" in said


def test_other_labels(project: Clone, review: Review) -> None:
    write_results(project.folder, made_model(made_rows(400, labels=LABELS), 0.9, 1, LABELS))
    commit_results(project, "Three classes")
    status, said, _ = review()
    assert status in (1, 2)
    assert "Nothing can be compared: the labels are others: negative, positive became bad, fine, good." in said
