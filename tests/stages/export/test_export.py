"""Every exported form is the trained model, and one that is not stops the stage."""

import hashlib
import json
import re
import shutil
from pathlib import Path

import numpy as np
import onnx
import pandas as pd
import pytest
import torch
from exported import write_sealed
from onnx import numpy_helper
from peft import AutoPeftModelForSequenceClassification
from safetensors.numpy import load_file, save_file
from scipy.special import softmax
from tiny import Clone
from transformers import AutoModelForSequenceClassification, pipeline

from predict.classifier import MODELS, Classifier, start_session
from predict.manifest import file_sha256
from scoring.calibrated import Calibrated
from stages.common.errors import UserError
from stages.common.inference import window_batches
from stages.common.params import load_params
from stages.common.splits import read_split, row_windows
from stages.export.int8 import MAX_SHIFT, probabilities
from stages.export.onnx_graph import save_onnx
from stages.export.parity import check_parity, compare_decisions


@pytest.fixture
def exported(reproduced: Clone, tmp_path: Path) -> Path:
    """A copy of an exported folder, to spoil at will."""
    return shutil.copytree(reproduced.folder / "models/export", tmp_path / "export")


def check(clone: Clone, base: Path, exported: Path) -> dict[str, float]:
    paths = {"adapter": clone.folder / "models/adapter", "prepared": clone.folder / "data/prepared"}
    validation = read_split(clone.folder / "data/tokenized", "validation")
    calibrated = Calibrated(json.loads(clone.read("metrics/evaluate.json"))["temperature"], None)
    return check_parity(base, exported, validation, paths, calibrated, load_params(clone.folder / "params.yaml"))


def reseal(exported: Path, name: str) -> None:
    """Let the manifest name a file that was spoilt as if it had been exported so."""
    manifest = json.loads((exported / "manifest.json").read_text())
    manifest["files"][name]["sha256"] = file_sha256(exported / name)
    write_sealed(exported, manifest)


def test_every_form_is_the_trained_model(reproduced: Clone, base_model: Path) -> None:
    report = check(reproduced, base_model, reproduced.folder / "models/export")
    written = json.loads(reproduced.read("metrics/export.json"))
    for form in ("reloaded", "merged", "onnx"):
        assert report[f"{form}_logit_difference"] < 1e-5
        assert written[f"{form}_logit_difference"] < 1e-5
    assert abs(report["int8_accuracy_lost"]) < 0.1


def test_a_head_that_was_not_saved_stops_it(reproduced: Clone, base_model: Path, exported: Path) -> None:
    path = exported / "adapter/adapter_model.safetensors"
    save_file({name: value for name, value in load_file(path).items() if "classifier" not in name}, path)
    with pytest.raises(
        UserError, match=r"the reloaded model of the export is unusable: KeyError: .*classifier\.weight"
    ):
        check(reproduced, base_model, exported)


def test_a_head_that_was_trained_on_stops_it(reproduced: Clone, base_model: Path, exported: Path) -> None:
    path = exported / "adapter/adapter_model.safetensors"
    save_file({name: value * (1.1 if "classifier" in name else 1) for name, value in load_file(path).items()}, path)
    with pytest.raises(UserError, match=r"the reloaded model .*export\.max_logit_difference allows 0\.0001"):
        check(reproduced, base_model, exported)


def test_a_wrong_label_order_stops_it(reproduced: Clone, base_model: Path, exported: Path) -> None:
    path = exported / "config.json"
    config = json.loads(path.read_text())
    config["id2label"] = {"0": "positive", "1": "negative"}
    path.write_text(json.dumps(config))
    with pytest.raises(UserError, match=r"merged model .* its labels are \['positive', 'negative'\]"):
        check(reproduced, base_model, exported)


@pytest.mark.parametrize(
    ("name", "form"), [("model.safetensors", "merged"), ("onnx/model.onnx", "onnx"), ("onnx/model_int8.onnx", "int8")]
)
def test_a_truncated_file_stops_it(reproduced: Clone, base_model: Path, exported: Path, name: str, form: str) -> None:
    path = exported / name
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(UserError, match=f"the {form} model of the export is unusable"):
        check(reproduced, base_model, exported)


def test_an_int8_model_that_decides_otherwise_stops_it(reproduced: Clone, base_model: Path, exported: Path) -> None:
    name = "onnx/model_int8.onnx"
    model = onnx.load(exported / name)
    head = (tensor for tensor in model.graph.initializer if tensor.name.startswith("classifier."))
    for tensor in head:
        if tensor.data_type == onnx.TensorProto.FLOAT:  # the bias, and the scale of the weights
            tensor.CopyFrom(numpy_helper.from_array(-numpy_helper.to_array(tensor), tensor.name))
    onnx.save(model, exported / name)
    reseal(exported, name)
    with pytest.raises(UserError, match=r"the int8 model .*it loses \d+.*max_int8_accuracy_lost"):
        check(reproduced, base_model, exported)


def test_other_tokens_than_in_training_stop_it(reproduced: Clone, base_model: Path, exported: Path) -> None:
    manifest = json.loads((exported / "manifest.json").read_text())
    manifest["tokenize"]["max_length"] = 12
    write_sealed(exported, manifest)
    with pytest.raises(UserError, match="does not cut texts into the tokens"):
        check(reproduced, base_model, exported)


def test_all_forms_give_the_same_calibrated_probabilities(reproduced: Clone) -> None:
    exported = reproduced.folder / "models/export"
    texts = pd.read_parquet(reproduced.folder / "data/prepared/validation.parquet")["text"].tolist()
    temperature = json.loads(reproduced.read("metrics/evaluate.json"))["temperature"]
    trained = load_file(reproduced.folder / "models/adapter/logits.safetensors")["validation"]
    expected = softmax(trained / temperature, axis=1)
    classify = pipeline("text-classification", model=str(exported), top_k=None)
    scores = [{item["label"]: item["score"] for item in answer} for answer in classify(texts)]
    from_pipeline = [[answer["negative"], answer["positive"]] for answer in scores]
    assert temperature != 1
    np.testing.assert_allclose(from_pipeline, expected, atol=2e-3)  # the trained logits come from a float16 prefix
    np.testing.assert_allclose(Classifier(exported, "fp32").probabilities(texts), from_pipeline, atol=1e-5)
    np.testing.assert_allclose(Classifier(exported, "int8").probabilities(texts), from_pipeline, atol=5e-2)


def test_peft_alone_loads_the_adapter(reproduced: Clone) -> None:
    exported = reproduced.folder / "models/export"
    ids = torch.tensor([[2, 5, 6, 3]])
    expected = AutoModelForSequenceClassification.from_pretrained(exported)(ids).logits
    torch.testing.assert_close(
        AutoPeftModelForSequenceClassification.from_pretrained(exported / "adapter")(ids).logits, expected
    )


def test_weights_too_large_for_one_file_stand_beside_it(
    reproduced: Clone, exported: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = {"input_ids": np.array([[2, 5, 6, 3]]), "attention_mask": np.ones((1, 4), dtype=np.int64)}

    def logits() -> list[np.ndarray]:
        return [start_session(exported / name, 1).run(["logits"], batch)[0] for name in MODELS.values()]

    in_one = logits()
    shutil.rmtree(exported / "onnx")
    monkeypatch.setattr("stages.export.onnx_graph.PROTOBUF_LIMIT", 0)
    save_onnx(exported, read_split(reproduced.folder / "data/tokenized", "validation"))
    assert all((exported / f"{name}.data").is_file() for name in MODELS.values())
    np.testing.assert_allclose(logits(), in_one, atol=1e-6)


def test_layers_whose_activations_int8_loses_stay_in_float32(
    reproduced: Clone, exported: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One channel of the values a thousand times as large, and taken back behind: the same model, but not in int8."""
    weights = load_file(exported / "model.safetensors")
    for block in range(3):
        attention = f"bert.encoder.layer.{block}.attention"
        weights[f"{attention}.self.value.weight"][0] *= 1000
        weights[f"{attention}.self.value.bias"][0] *= 1000
        weights[f"{attention}.output.dense.weight"][:, 0] /= 1000
    save_file(weights, exported / "model.safetensors", metadata={"format": "pt"})
    shutil.rmtree(exported / "onnx")
    validation = read_split(reproduced.folder / "data/tokenized", "validation")
    save_onnx(exported, validation)
    assert re.search(r"int8: \d+ of 1\d layers stay in float32", capsys.readouterr().err)
    batches = [*window_batches(row_windows(validation[:]), 8, pad_token_id=0)]
    exact, mended = (probabilities(exported / MODELS[name], batches) for name in ("fp32", "int8"))
    assert np.abs(mended - exact).max(axis=1).mean() <= MAX_SHIFT
    assert (exported / MODELS["int8"]).stat().st_size < 0.9 * (exported / MODELS["fp32"]).stat().st_size


def test_the_manifest_names_every_file(reproduced: Clone) -> None:
    exported = reproduced.folder / "models/export"
    manifest = json.loads((exported / "manifest.json").read_text())
    found = {str(path.relative_to(exported)) for path in exported.rglob("*") if path.is_file()}
    assert set(manifest["files"]) == found - {"manifest.json"}
    for name, file in manifest["files"].items():
        assert hashlib.sha256((exported / name).read_bytes()).hexdigest() == file["sha256"]
    assert manifest["data"]["rows"]["train"]["all"] == manifest["params"]["data"]["train_rows"]


def test_decisions_are_compared_row_by_row() -> None:
    truth = np.array([0, 1] * 50)
    others = truth.copy()
    others[:4] = 1 - others[:4]
    report = compare_decisions(others, truth, truth)
    assert report["int8_accuracy_lost"] == pytest.approx(0.04)
    assert report["int8_decisions_flipped"] == pytest.approx(0.04)
    assert 0 <= report["int8_accuracy_lost_ci95_low"] < 0.04 < report["int8_accuracy_lost_ci95_high"] < 0.1
    assert compare_decisions(truth, truth, truth)["int8_accuracy_lost_ci95_high"] == 0
