"""What one person of a team has run, nobody else runs again."""

from people import Team, follow, tutorial
from tiny import Clone

RESULTS = ("dvc.lock", "metrics/train.json", "metrics/evaluate.json", "metrics/export.json", "metrics/plots/roc.csv")
RANK = {"lora.r=4": "lora.r=8"}  # what Ann's cache holds: the test need not train


def test_a_colleague_repeats_an_experiment_without_running_a_stage(ann: Clone, team: Team) -> None:
    follow(ann, tutorial("Share data and models", {"/mnt/team/storage": str(team.storage)})[0])
    hers, his = tutorial("Use what a colleague has run", RANK)
    follow(ann, hers)
    ben = team.joins("ben")
    output = follow(ben, his)
    assert "Running stage" not in output
    assert output.count("is cached - skipping run") == 6
    for name in RESULTS:
        assert ben.read(name) == ann.read(name)
    assert ben.run("dvc", "repro").count("didn't change, skipping") == 6
    ben.commit("Rank 8")
    assert "accuracy" in ben.run("dvc", "metrics", "diff", "HEAD~1")
    assert (ben.folder / "models/export/model.safetensors").exists()


def test_a_remote_that_is_not_named_is_one_line(ann: Clone) -> None:
    let = ann.run("make", "remote", status=2)
    assert "error: where to? For example: make remote URL=s3://BUCKET/FOLDER" in let
