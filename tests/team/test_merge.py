"""Two branches with results of their own become one, whose results are those of both."""

import json
from collections.abc import Callable

import pytest
from people import follow, let_make_run, tutorial
from tiny import REPOSITORY, Clone, edit_params

DECIDED = "  r: 16\n  alpha: 32\n  seconds: 0\nevaluate:\n  resamples: 2000\n  seed: 1\n"


@pytest.fixture
def project(small: Clone, monkeypatch: pytest.MonkeyPatch) -> Clone:
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))  # where sharing.merge is
    return small


def branch(project: Clone, name: str, change: Callable[[], None]) -> None:
    """Leave a branch of main on which something was changed and run."""
    project.run("git", "checkout", "--quiet", "-b", name, "main")
    change()
    project.run("dvc", "repro", "--quiet")
    project.commit(f"Work of {name}")


def two_branches(project: Clone, ann: dict[str, object], ben: dict[str, object]) -> None:
    branch(project, "ben", lambda: edit_params(project.folder, **ben))
    branch(project, "ann", lambda: edit_params(project.folder, **ann))


def merge(project: Clone, *arguments: str, status: int = 0) -> str:
    return project.run("python", "-m", "sharing.merge", *arguments, status=status)


def assert_merged(project: Clone, **expected: object) -> None:
    assert project.run("git", "status", "--porcelain") == ""
    assert len(project.run("git", "show", "--no-patch", "--format=%P").split()) == 2
    assert "up to date" in project.run("dvc", "status")
    for key, value in expected.items():
        section, name = key.split("_", 1)
        assert json.loads(project.read(f"metrics/{section}.json"))[name] == value, key


def test_changes_of_both_are_kept_and_their_results_made(project: Clone) -> None:
    two_branches(project, {"lora.r": 4, "evaluate.seed": 1}, {"lora.alpha": 32})  # neighbouring lines
    output = merge(project, "ben")
    assert output.count("Running stage") == 2
    assert_merged(project, lora_r=4, lora_alpha=32, evaluate_seed=1, evaluate_resamples=2000)
    assert "# the rank" in project.read("params.yaml")
    assert "# Conflicts" not in project.run("git", "log", "-1", "--format=%B")


@pytest.mark.nightly
def test_what_one_side_has_run_is_not_run_again(project: Clone) -> None:
    two_branches(project, {"evaluate.seed": 1}, {"evaluate.resamples": 9})
    project.run("git", "checkout", "--quiet", "-b", "both", "main")
    edit_params(project.folder, **{"evaluate.seed": 1, "evaluate.resamples": 9})
    project.run("dvc", "repro", "--quiet")
    project.run("git", "checkout", "--quiet", "--force", "ann")
    assert "Running stage" not in merge(project, "ben")
    assert_merged(project, evaluate_seed=1, evaluate_resamples=9)


def test_a_key_that_both_changed_is_a_persons_to_decide(project: Clone) -> None:
    two_branches(project, {"lora.r": 4, "evaluate.seed": 1}, {"lora.r": 16, "lora.alpha": 32})
    output = merge(project, "ben", status=1)
    assert "error: both branches changed the same params:\n  lora.r: 4 here, 16 there\n" in output
    assert "Traceback" not in output
    assert "both branches changed" in merge(project, status=1)  # not decided yet
    project.write("params.yaml", project.read("params.yaml").partition("<<<<<<<")[0] + DECIDED)
    project.run("git", "add", "params.yaml")
    merge(project)
    assert_merged(project, lora_r=16, lora_alpha=32, evaluate_seed=1)


@pytest.mark.nightly
def test_a_conflict_in_code_and_a_stage_that_fails_stop_it(project: Clone) -> None:
    def write(line: str) -> Callable[[], None]:
        text = project.read("stage.py") + line
        return lambda: project.write("stage.py", text)

    branch(project, "ben", write("print('ben')\n"))
    branch(project, "ann", write("print('ann')\n"))
    assert "error: both branches changed stage.py: resolve" in merge(project, "ben", status=1)
    project.write("stage.py", "raise SystemExit(1)\n")
    project.run("git", "add", "stage.py")
    assert "error: `dvc repro` failed, see above; mend it and go on" in merge(project, status=1)
    assert project.run("git", "log", "-1", "--format=%s") == "Work of ann\n"


@pytest.mark.parametrize(
    ("arguments", "line"),
    [((), "no merge is open: name a branch"), (("nobody",), "Git does not merge nobody"), (("main",), "up to date")],
)
def test_what_cannot_be_merged_is_one_line(project: Clone, arguments: tuple[str, ...], line: str) -> None:
    output = merge(project, *arguments, status=1)
    assert output.startswith("error: ")
    assert line in output


@pytest.mark.nightly
def test_uncommitted_changes_are_not_lost(project: Clone) -> None:
    two_branches(project, {"lora.r": 4}, {"lora.r": 16})
    edit_params(project.folder, **{"lora.r": 5})
    assert "error: uncommitted changes would be lost" in merge(project, "ben", status=1)
    assert "r: 5" in project.read("params.yaml")


@pytest.mark.nightly
def test_the_pipeline_itself(clone: Clone) -> None:
    let_make_run(clone)
    two_branches(clone, {"evaluate.seed": 1}, {"evaluate.resamples": 100})
    output = follow(clone, tutorial("Merge two branches", {"origin/main": "ben"})[0])
    assert "Running stage 'evaluate'" in output
    assert "Running stage 'train-lora'" not in output
    assert clone.run("git", "status", "--porcelain") == ""
    assert clone.run("dvc", "repro").count("didn't change, skipping") == 6
