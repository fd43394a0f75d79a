"""The workflows of the README, with the real `dvc` and `git` in a clone that has a tiny model."""

import io
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from ruamel.yaml import YAML
from tiny import REPOSITORY, Clone, edit_params, make_clone, save_base_model, write_csv

from stages.common.errors import MissingInput
from stages.common.paths import stage_paths

UNDER = ["prepare-data", "tokenize"]
ABOVE = ["train-lora", "evaluate", "export", "keep-metrics"]


def ran(output: str) -> list[str]:
    return [stage for stage in [*UNDER, *ABOVE] if f"Running stage '{stage}'" in output]


def results(clone: Clone) -> dict[str, str]:
    names = ["dvc.lock", "metrics/evaluate.json", "metrics/train.json", "metrics/plots/training.csv"]
    return {name: clone.read(name) for name in names}


def test_the_pipeline_leaves_exactly_what_it_declares(reproduced: Clone) -> None:
    pipeline = YAML(typ="safe").load(REPOSITORY / "dvc.yaml")
    declared = set()
    for entry in pipeline["stages"].values():
        for item in [*entry["outs"], *entry.get("metrics", []), *entry.get("plots", [])]:
            declared.add(item if isinstance(item, str) else next(iter(item)))
    left = {
        str(path.relative_to(reproduced.folder)) for path in reproduced.folder.glob("m[eo]*/**/*") if path.is_file()
    }
    left |= {
        str(path.relative_to(reproduced.folder)) for path in (reproduced.folder / "data").rglob("*") if path.is_file()
    }
    outside = {
        name
        for name in left
        if not any(name == path or name.startswith(f"{path}/") for path in [*declared, "data/raw"])
    }
    assert outside - {"data/.gitkeep", "data/behaviour.yaml", "data/corrections.csv", "models/.gitkeep"} == set()
    assert all((reproduced.folder / path).exists() for path in declared)
    assert sorted(path.name for path in (reproduced.folder / "models/adapter").iterdir()) == [
        "adapter_config.json",
        "adapter_model.safetensors",
        "logits.safetensors",
    ]


def test_nothing_runs_twice(clone: Clone) -> None:
    clone.run("env", "--chdir=models/export", "-u", "PYTHONDONTWRITEBYTECODE", sys.executable, "-m", "predict", "good")
    assert "up to date" in clone.run("dvc", "status")
    assert ran(clone.run("dvc", "repro")) == []


def test_two_clean_clones_give_the_same_lock(reproduced: Clone, base_model: Path, tmp_path: Path) -> None:
    other = make_clone(tmp_path / "other", base_model)
    other.run("dvc", "repro")
    for name, text in results(other).items():
        assert text.splitlines() == results(reproduced)[name].splitlines(), name


def test_no_output_names_the_place_it_was_made_in(reproduced: Clone, base_model: Path) -> None:
    edges = [reproduced.folder, Path(sys.prefix), Path.home()]
    for folder in ("data/prepared", "data/tokenized", "models", "metrics"):
        for path in (reproduced.folder / folder).rglob("*"):
            if path.is_file():
                content = path.read_bytes()
                assert not any(str(edge).encode() in content for edge in edges if str(edge) != "/"), path


def test_an_experiment_reruns_training_and_what_follows_only(clone: Clone) -> None:
    edit_params(clone.folder, **{"export.onnx": False})
    clone.commit("Leave out ONNX, for speed")
    output = clone.run("dvc", "exp", "run", "--name", "rank-4", "-S", "lora.r=4")
    assert ran(output) == ABOVE
    changed = clone.run("git", "diff", "--unified=0", "params.yaml").splitlines()
    assert [line for line in changed if line[0] in "+-" and line[:3] not in ("+++", "---")] == ["-  r: 8", "+  r: 4"]
    assert "rank-4" in clone.run("dvc", "exp", "show", "--csv")
    assert json.loads(clone.run("dvc", "params", "diff", "--json")) == {
        "params.yaml": {"lora.r": {"old": 8, "new": 4, "diff": -4}}
    }
    difference = json.loads(clone.run("dvc", "metrics", "diff", "--json"))
    assert set(difference) <= {"metrics/train.json", "metrics/evaluate.json", "metrics/export.json"}
    assert difference["metrics/train.json"]["trainable_parameters"]["diff"] < 0
    assert "index.html" in clone.run("dvc", "plots", "diff")
    clone.run("git", "checkout", "--quiet", "-b", "rank-4")
    clone.commit("Try rank 4")
    assert "lora.r" in clone.run("dvc", "params", "diff", "main")
    assert "trainable_parameters" in clone.run("dvc", "metrics", "diff", "main")


def test_a_queue_of_experiments(clone: Clone) -> None:
    clone.run("dvc", "exp", "run", "-S", "evaluate.batch_size=4,8", "--queue")
    clone.run("dvc", "queue", "start", "--jobs", "2")
    wait_for_queue(clone)
    shown = pd.read_csv(io.StringIO(clone.run("dvc", "exp", "show", "--csv", "--no-pager")))
    finished = shown[shown["evaluate.batch_size"].isin([4, 8])]
    assert len(finished) == 2
    accuracy = "metrics/evaluate.json:accuracy" if "metrics/evaluate.json:accuracy" in shown else "accuracy"
    assert finished[accuracy].notna().all()


def wait_for_queue(clone: Clone, minutes: float = 2) -> None:
    end = time.monotonic() + 60 * minutes
    while time.monotonic() < end:
        status = clone.run("dvc", "queue", "status")
        if "Queued" not in status and "Running" not in status:
            assert "Failed" not in status, status
            return
        time.sleep(1)
    pytest.fail(clone.run("dvc", "queue", "status"))


@pytest.mark.parametrize("start", [("dvc", "repro"), ("dvc", "exp", "run")])
def test_wrong_params_stop_the_first_stage_and_undoing_them_costs_nothing(clone: Clone, start: tuple[str, ...]) -> None:
    before = results(clone)
    good = clone.read("params.yaml")
    wrong = good.replace("  r: 8", "  r: 0").replace("  batch_size: 16", "  batch: 16").replace("head_tail", "middle")
    (clone.folder / "params.yaml").write_text(wrong)
    output = clone.run(*start, status=255)
    for line in (
        "lora.r: greater than or equal to 1; however: 0",
        "tokenize.truncation: 'head', 'tail' or 'head_tail'; however: 'middle'",
        "train.batch: unknown key",
        "train.batch_size: missing key",
    ):
        assert output.count(line) == 1, output
    assert "Traceback" not in output
    (clone.folder / "params.yaml").write_text(good)
    assert ran(clone.run("dvc", "repro")) == []
    assert results(clone) == before
    assert (clone.folder / "models/export/model.safetensors").exists()


def test_changed_data_is_noticed_and_bad_data_stops_it(clone: Clone) -> None:
    path = clone.folder / "data/raw/tiny.csv"
    good = path.read_text()
    path.write_text(good.replace(",1\n", ",5\n", 1))
    output = clone.run("dvc", "repro", status=255)
    assert "error: 1 row with a label that data.labels does not name ('5'): tiny.csv:2; it names 0, 1" in output
    path.write_text(good)
    assert ran(clone.run("dvc", "repro")) == []


def test_a_missing_input_names_the_stage_that_makes_it(clone: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.rmtree(clone.folder / "models/adapter")
    monkeypatch.chdir(clone.folder)
    with pytest.raises(
        MissingInput, match="evaluate needs models/adapter, which is not there: `dvc repro train-lora` makes it"
    ):
        stage_paths("evaluate")


def test_the_export_runs_without_this_repository(reproduced: Clone, base_model: Path, tmp_path: Path) -> None:
    program = f"""
import json
from peft import PeftModel
from transformers import AutoModelForSequenceClassification, AutoTokenizer, pipeline
texts = ["good film great plot", "bad film awful plot"]
classify = pipeline("text-classification", model={str(reproduced.folder / "models/export")!r}, top_k=None)
merged = [{{item["label"]: item["score"] for item in answer}} for answer in classify(texts)]
base = AutoModelForSequenceClassification.from_pretrained({str(base_model)!r}, num_labels=2)
model = PeftModel.from_pretrained(base, {str(reproduced.folder / "models/export/adapter")!r}).eval()
tokenizer = AutoTokenizer.from_pretrained({str(base_model)!r})
logits = model(**tokenizer(texts, return_tensors="pt")).logits.softmax(-1)
print(json.dumps([merged, logits.tolist()]))
"""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program], cwd=tmp_path, check=True, text=True, stdout=subprocess.PIPE
    )
    merged, adapter = json.loads(done.stdout.strip().splitlines()[-1])
    for by_name, by_number in zip(merged, adapter, strict=True):
        np.testing.assert_allclose([by_name["negative"], by_name["positive"]], by_number, atol=1e-4)
    assert merged[0]["positive"] > merged[1]["positive"]


def test_more_than_two_classes_and_a_decoder(clone: Clone, tmp_path: Path) -> None:
    words, signs = ["red", "green", "blue"], ["good", "bad", "film"]
    rows = []
    for number in range(300):
        word = words[number % 3]
        rows.append((f"{f'{signs[number % 3]} ' * 6}{number} {number * 7 % 2000}", word))
    write_csv(clone.folder / "data/raw/colours.csv", rows)
    changes = {"data.source": "data/raw/colours.csv", "data.labels": None, "data.train_rows": 180, "train.epochs": 6}
    changes |= {"model.base": str(save_base_model(tmp_path / "base", "qwen2"))}
    edit_params(clone.folder, **changes)
    clone.run("dvc", "repro")
    scores = json.loads(clone.read("metrics/evaluate.json"))
    assert scores["accuracy"] > 0.6
    assert scores["f1_micro"] == scores["accuracy"]
    curves = pd.read_csv(clone.folder / "metrics/plots/roc.csv")
    assert set(curves) == {"fpr", "tpr", *(f"tpr of {word}" for word in words)}
    assert "behaviour" not in scores
