"""Compare each exported form of the model with the trained one."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from datasets import Dataset
from safetensors.numpy import load_file
from scipy.stats import binomtest
from transformers import AutoModelForSequenceClassification

from predict.classifier import MODELS, Classifier
from scoring.calibrated import Calibrated
from scoring.clusters import single_rows, strata_of
from scoring.intervals import percentiles
from scoring.judges import decisions, probabilities, right
from scoring.resampling import drawn_weights
from stages.common.errors import UserError
from stages.common.inference import parity_rows, predict_logits
from stages.common.model import load_adapter, run_without_padding
from stages.common.params import Params
from stages.common.probe import note
from stages.common.splits import label_names, read_prepared, row_windows, true_labels
from stages.common.text_columns import TEXT_COLUMNS

RESAMPLES = 2000
MAX_FLIPPED = 0.02  # of the decisions, surely more than which int8 is not used unasked
MAX_SHIFT = 0.05  # of the probabilities, on average, likewise


def check_parity(
    base: Path, folder: Path, validation: Dataset, paths: dict[str, Path], calibrated: Calibrated, params: Params
) -> dict[str, float]:
    """Compare each form of the model with the trained one, on validation texts from the shortest to the longest.

    Returns:
        How far each is from it: the largest difference of a logit in float32; for int8, on the whole split, the
        accuracy lost and the fraction of decisions that are others, with their 95 % intervals.

    Raises:
        UserError: when that is more than the params allow: a form is not the model that was evaluated.
    """
    limit = params.export.max_logit_difference
    rows = parity_rows(validation)
    trained = load_file(paths["adapter"] / "logits.safetensors")
    report: dict[str, float] = {"parity_rows": len(rows)}
    for form, logits_of in exact_forms(base, folder, rows, params).items():
        difference = float(np.abs(run_form(form, logits_of) * calibrated.temperature - trained["parity"]).max())
        if not difference <= limit:
            refuse(form, f"a logit differs by {difference:.2g}", "max_logit_difference", limit)
        report[f"{form}_logit_difference"] = difference
    if (folder / MODELS["int8"]).exists():
        texts = read_prepared(paths["prepared"], "validation", [*TEXT_COLUMNS])
        columns = [texts[name].tolist() for name in texts]
        quantized = run_form("int8", lambda: int8_logits(folder, columns, validation))
        report |= compare_int8(quantized, trained["validation"], calibrated, true_labels(validation))
        if report["int8_accuracy_lost_ci95_low"] > params.export.max_int8_accuracy_lost:
            lost = f"it loses {report['int8_accuracy_lost']:.2%} of accuracy"
            refuse("int8", lost, "max_int8_accuracy_lost", params.export.max_int8_accuracy_lost)
    return report


def exact_forms(base: Path, folder: Path, rows: Dataset, params: Params) -> dict[str, Callable[[], np.ndarray]]:
    """Return, for each form in float32, a function that gives its logits of `rows`, float32 (n, classes)."""
    labels, pooling = label_names(rows), params.tokenize.window_pooling

    def reloaded() -> np.ndarray:
        model = load_adapter(base, folder / "adapter", labels, params.model.load_in_4bit)
        return predict_logits(model, rows, len(rows), pooling)

    def merged() -> np.ndarray:
        model = AutoModelForSequenceClassification.from_pretrained(folder, use_safetensors=True).eval()
        if list(model.config.id2label.values()) != labels:
            raise UserError(f"its labels are {list(model.config.id2label.values())}, and the data's are {labels}")
        run_without_padding(model)
        return predict_logits(model, rows, len(rows), pooling)

    def onnx() -> np.ndarray:
        return Classifier(folder, "fp32").logits(row_windows(rows[:]))

    forms = {"reloaded": reloaded, "merged": merged}
    return {**forms, "onnx": onnx} if (folder / MODELS["fp32"]).exists() else forms


def int8_logits(folder: Path, texts: list[list[str]], validation: Dataset) -> np.ndarray:
    """Return the int8 model's logits of texts, float32 (n, classes), cut into tokens by the exported program."""
    classifier = Classifier(folder, "int8")
    encoded = row_windows(validation[:])
    if classifier.encode(*texts) != encoded:
        raise UserError("it does not cut texts into the tokens that the model was trained on")
    return classifier.logits(encoded)


def compare_int8(
    quantized: np.ndarray, trained: np.ndarray, calibrated: Calibrated, truth: np.ndarray
) -> dict[str, float]:
    """Return `compare_decisions`, and by how much int8 moves the probabilities of a text, on average."""
    before, after = calibrated.judge(trained), replace(calibrated, temperature=1.0).judge(quantized)
    shift = np.abs(probabilities(after) - probabilities(before)).max(axis=1)
    compared = compare_decisions(decisions(after), decisions(before), truth)
    return {**compared, "int8_probability_shift": float(shift.mean())}


def default_precision(report: dict[str, float]) -> str:
    """Return what predict should use: int8, unless it is a different model in effect, which is said."""
    flipped, shift = report.get("int8_decisions_flipped_ci95_low", 0.0), report.get("int8_probability_shift", 0.0)
    if flipped <= MAX_FLIPPED and shift <= MAX_SHIFT:
        return "int8"
    note(
        f"int8 decides {report['int8_decisions_flipped']:.1%} of validation texts otherwise and moves probabilities "
        f"by {shift:.2f} on average: predict uses fp32 unless told otherwise"
    )
    return "fp32"


def run_form(form: str, logits_of: Callable[[], np.ndarray]) -> np.ndarray:
    try:
        return logits_of()
    except Exception as error:  # each library has its own for a file that is not what it should be
        reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
        raise UserError(f"the {form} model of the export is unusable: {reason}") from error


def refuse(form: str, found: str, key: str, limit: float) -> None:
    raise UserError(f"the {form} model is not the trained one: {found}, and export.{key} allows {limit:g}")


def compare_decisions(decided: np.ndarray, expected: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Return what decisions, see scoring/judges.py, cost in accuracy against others, and how often they differ.

    The loss has a paired percentile bootstrap interval, the fraction Wilson's.
    """
    loss = right(truth, expected).astype(float) - right(truth, decided)
    rows = single_rows(strata_of(truth))
    sampled = [
        loss[np.argsort(rows.of_row)] @ weights / len(loss) for weights in drawn_weights(rows, RESAMPLES, seed=0)
    ]
    low, high = percentiles(np.concatenate(sampled), rows)
    flipped = int((~right(expected, decided)).sum())
    wilson = binomtest(flipped, len(truth)).proportion_ci(method="wilson")
    return {
        "int8_accuracy_lost": float(loss.mean()),
        "int8_accuracy_lost_ci95_low": low,
        "int8_accuracy_lost_ci95_high": high,
        "int8_decisions_flipped": flipped / len(truth),
        "int8_decisions_flipped_ci95_low": wilson.low,
        "int8_decisions_flipped_ci95_high": wilson.high,
    }
