"""What a review says of a change, with the real `dvc` and `git`."""

import dataclasses
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from judged import Judged, commit_results, flipped, made_model, made_rows, write_results
from ruamel.yaml import YAML
from tiny import Clone, edit_params

Review = Callable[..., tuple[int, str, str]]


def test_a_worse_model_fails_the_gate(project: Clone, change: Callable, review: Review, base_judged: Judged) -> None:
    edit_params(project.folder, **{"lora.r": 4})
    change(dataclasses.replace(flipped(base_judged, 40), failure_rate=0.3))
    status, said, _ = review()
    report = project.read("reports/review.md")
    assert status == 1
    assert "accuracy is worse" in said
    assert "largest_drop.accuracy" in said
    assert "40 rows were right and are wrong, 0 the other way round" in report
    assert "| `lora.r` | `8` | `4` |" in report
    assert "| `names` | 0.1000 | 0.3000 | +0.2000 |" in report
    assert "The prepared rows are the same" in report
    assert {path.name for path in Path("reports").iterdir()} == {"review.md", "review.html", "review.png"}


def test_a_better_model_passes(project: Clone, change: Callable, review: Review, base_judged: Judged) -> None:
    loosen(project, calibration=None)
    change(flipped(base_judged, 0, 30))
    status, said, _ = review("--head", "HEAD")
    assert (status, "accuracy is better" in said, "The gate passes" in said) == (0, True, True), said


def test_a_difference_of_a_few_rows_is_open_and_says_what_it_takes(
    project: Clone, change: Callable, review: Review, base_judged: Judged
) -> None:
    loosen(project, calibration=None)
    change(flipped(base_judged, 14, 16))
    status, said, _ = review()
    assert "can't tell" in said
    assert "with 80 % power; to show the +0.0050 seen it takes" in said
    assert status == 1
    assert "the interval must not reach a loss of more than 0.0200" in said


def loosen(project: Clone, **sections: object) -> None:
    """Switch rules off, in the workspace and in the commit."""
    yaml = YAML()
    path = project.folder / "review/gate.yaml"
    gate = yaml.load(path)
    for section in sections:
        gate[section] = dict.fromkeys(gate[section])
    yaml.dump(gate, path)


def test_a_pull_request_that_changes_only_the_readme_passes_at_once(project: Clone, review: Review) -> None:
    loosen(project, calibration=None)
    (project.folder / "README.md").write_text("# Another name\n")
    project.commit("Readme")
    started = time.perf_counter()
    said = project.run("python", "-m", "review")
    assert time.perf_counter() - started < 5
    assert "No result changed" in said
    assert "The gate passes" in said
    assert (project.folder / "reports/review.html").stat().st_size < 50_000


def test_a_changed_model_with_the_same_predictions_says_so(
    project: Clone, change: Callable, review: Review, base_judged: Judged
) -> None:
    loosen(project, calibration=None)
    (project.folder / "models/adapter/content").write_text("another adapter")
    (project.folder / "data/evaluation/content").write_text("another table, which no review reads")
    commit_results(project, "Another adapter")
    shutil.rmtree(project.folder / "data/evaluation")  # as in a fresh clone: the cache has it
    status, said, _ = review()
    assert (status, "The model changed, and no prediction did" in said) == (0, True), said


def test_a_stale_folder_is_not_taken_for_the_results(
    project: Clone, change: Callable, review: Review, base_judged: Judged
) -> None:
    change(flipped(base_judged, 40))
    project.run("git", "checkout", "--quiet", "main")  # without `dvc checkout`
    project.run("git", "checkout", "--quiet", "-b", "other")
    (project.folder / "metrics/train.json").write_text("{}")
    status, said, _ = review("--base", "change~0")
    assert status == 1
    assert "data/evaluation here is not the one that dvc.lock names: run `dvc checkout data/evaluation`" in said
    assert "train-lora has not run on this commit: metrics/train.json changed since" in said


def test_without_cache_and_remote_the_separate_intervals_give_a_weaker_verdict(
    project: Clone, change: Callable, review: Review, base_judged: Judged
) -> None:
    loosen(project, calibration=None, behaviour=None)
    change(flipped(base_judged, 2, 3))
    project.run("dvc", "gc", "--workspace", "--force", "--quiet")  # the base's predictions go
    status, said, _ = review()
    report = project.read("reports/review.md")
    assert status == 2
    assert "no remote is set" in said
    assert "The models were not compared row by row" in said
    assert "only a large difference shows" in report


def test_the_remote_is_asked_for_the_predictions_alone(
    project: Clone,
    change: Callable,
    review: Review,
    base_judged: Judged,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loosen(project, calibration=None)
    change(flipped(base_judged, 0, 30))
    project.run("dvc", "remote", "add", "--quiet", "--default", "store", str(tmp_path / "store"))
    for branch in ("main", "change"):  # the remote's name is not committed yet
        project.run("git", "checkout", "--quiet", branch)
        project.run("dvc", "push", "--quiet", "data/evaluation")
    project.run("git", "commit", "--quiet", "--all", "--message", "Remote")
    fresh = Clone(tmp_path / "fresh")
    project.run("git", "clone", "--quiet", str(project.folder), str(fresh.folder))
    monkeypatch.chdir(fresh.folder)
    status, said, _ = review("--base", "origin/main")  # whose own .dvc/config names no remote
    assert (status, "accuracy is better" in said) == (0, True), said
    assert not (fresh.folder / "data/evaluation").exists()


def test_rows_that_only_one_test_split_has_are_set_apart(
    project: Clone, review: Review, base_judged: Judged, change: Callable
) -> None:
    rows = made_rows(440).iloc[40:].reset_index(drop=True)
    rows.loc[:4, "label"] = "positive"
    whole = made_model(rows, 0.9, seed=1)
    change(whole, train=made_rows(150, 100_050))
    review()
    report = project.read("reports/review.md")
    assert "Both models judged the same 360 test rows" in report
    assert "40 test rows of the base are none of the head's" in report
    assert "40 test rows of the head are none of the base's" in report
    assert "the base can't judge them" in report
    assert "is the data's part (the base on these rows)" in report
    assert "3 rows have another label now" in report
    assert "| train | 200 | 150 | -50 |" in report
    assert "90 rows went." in report


def test_a_small_test_split_is_compared_row_by_row(project: Clone, review: Review, change: Callable) -> None:
    change(made_model(made_rows(60), 0.4, seed=1))
    _, said, _ = review()
    assert "accuracy is worse" in said
    assert "row by row" not in said
    assert "Both models judged the same 60 test rows" in project.read("reports/review.md")


def test_a_colleague_is_shown_what_data_changed_even_where_predictions_did_not(
    project: Clone, review: Review, base_judged: Judged
) -> None:
    write_results(project.folder, base_judged, train=made_rows(190, 100_000))
    commit_results(project, "Fewer rows")
    _, said, _ = review()
    assert "no prediction did" in said
    assert "10 rows went." in project.read("reports/review.md")
