"""Measure prediction on real reviews, each variant in a process of its own, in turn.

pipeline   transformers.pipeline on the exported folder: its defaults, truncation, batches of 32
torch      PyTorch at its best: length-sorted batches, bfloat16 where the processor multiplies it natively, and no work
           on positions that the head doesn't read
fp32       ONNX float32 through predict
int8       ONNX int8 through predict

Run: python -m bench.predict [--rows N] [--rounds N], after `dvc repro`
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from stages.common.memory import peak_memory_gib

VARIANTS = ("pipeline", "torch", "fp32", "int8")
EXPORTED, TEST = Path("models/export"), Path("data/prepared/test.parquet")
BATCH_SIZE = 32
SINGLE_TEXTS = 50
READY = "ready"  # what a variant prints once it has given its first answer

Answer = Callable[[list[str]], list[str]]


def main() -> None:
    """Print texts per second with the ratio to `pipeline`, milliseconds for one text, seconds from the start of the
    process to the first answer, peak memory and accuracy; medians over the rounds, the ratio of each round first."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--rows", type=int, default=512, help="test reviews, evenly chosen (default: 512)")
    arguments.add_argument("--rounds", type=int, default=3, help="times each variant runs (default: 3)")
    arguments.add_argument("--exported", type=Path, default=EXPORTED, help=f"the exported folder (default: {EXPORTED})")
    arguments.add_argument("--test", type=Path, default=TEST, help=f"the reviews (default: {TEST})")
    arguments.add_argument("--variant", choices=VARIANTS, help=argparse.SUPPRESS)
    chosen = arguments.parse_args()
    for path in (chosen.exported / "manifest.json", chosen.test):
        if not path.exists():
            sys.exit(f"error: bench.predict needs {path}: run `dvc repro` in the repository's root first")
    if chosen.variant:
        print(json.dumps(measure(chosen.variant, chosen.exported, chosen.test, chosen.rows)))
        return
    runs: dict[str, list[dict[str, float]]] = {variant: [] for variant in VARIANTS}
    for _ in range(chosen.rounds):
        for variant in VARIANTS:
            runs[variant].append(run_apart(variant))
    report(runs)


def run_apart(variant: str) -> dict[str, float]:
    """Run one variant with the arguments of this run; return what it measured, and its seconds to the first answer."""
    command = [sys.executable, "-m", "bench.predict", *sys.argv[1:], "--variant", variant]
    started = time.perf_counter()
    with subprocess.Popen(command, text=True, stdout=subprocess.PIPE) as process:
        assert process.stdout
        lines = iter(process.stdout)
        next(line for line in lines if line.strip() == READY)
        seconds = time.perf_counter() - started
        *_, last = lines
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return {**json.loads(last), "start": seconds}


def measure(variant: str, exported: Path, test: Path, rows: int) -> dict[str, float]:
    """Return texts per second, milliseconds for one text, peak memory in GiB and accuracy."""
    answer = {"pipeline": start_pipeline, "torch": start_torch}.get(variant, start_predict)(exported, variant)
    answer(["This movie was fantastic, I loved it!"])
    print(READY, flush=True)
    texts, labels = read_reviews(test, rows)
    answer(texts[:BATCH_SIZE])
    started = time.perf_counter()
    found = answer(texts)
    rate = len(texts) / (time.perf_counter() - started)
    memory = peak_memory_gib()
    return {
        "rate": rate,
        "milliseconds": 1000 * statistics.median(seconds_for(answer, text) for text in texts[:SINGLE_TEXTS]),
        "memory": memory,
        "accuracy": statistics.mean(map(str.__eq__, found, labels)),
    }


def start_pipeline(exported: Path, _: str) -> Answer:
    from transformers import pipeline

    max_length = json.loads((exported / "manifest.json").read_text(encoding="utf-8"))["tokenize"]["max_length"]
    classify = pipeline("text-classification", model=str(exported))

    def answer(texts: list[str]) -> list[str]:
        found = classify(texts, batch_size=BATCH_SIZE, truncation=True, max_length=max_length)
        return [result["label"] for result in found]

    return answer


def start_torch(exported: Path, _: str) -> Answer:
    import torch
    from transformers import AutoModelForSequenceClassification

    from predict.text import clean_text
    from stages.common.first_position import skip_unread_positions
    from stages.common.inference import pad_batch
    from stages.common.memory import keep_freed_memory
    from stages.common.params import TokenizeParams
    from stages.common.tokenizer import TextEncoder

    manifest = json.loads((exported / "manifest.json").read_text(encoding="utf-8"))
    params = TokenizeParams.model_validate(manifest["params"]["tokenize"])
    encoder = TextEncoder(exported, params)
    model = AutoModelForSequenceClassification.from_pretrained(exported).eval()
    skip_unread_positions(model)
    keep_freed_memory()
    native = bool(torch.cpu.get_capabilities().get("avx512_bf16"))

    def answer(texts: list[str]) -> list[str]:
        encoded = [windows[0] for windows in encoder.encode([clean_text(text) for text in texts])[0]]
        order = sorted(range(len(texts)), key=lambda row: -len(encoded[row].ids))
        found = [""] * len(texts)
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=native):
            for start in range(0, len(order), BATCH_SIZE):
                rows = order[start : start + BATCH_SIZE]
                batch = pad_batch([encoded[row] for row in rows], encoder.layout.pad_token_id)
                for row, number in zip(rows, model(**batch).logits.argmax(1).tolist(), strict=True):
                    found[row] = model.config.id2label[number]
        return found

    return answer


def start_predict(exported: Path, precision: str) -> Answer:
    from predict.classifier import Classifier

    classifier = Classifier(exported, precision)

    def answer(texts: list[str]) -> list[str]:
        return [classifier.labels[number] for number in classifier.probabilities(texts).argmax(1)]

    return answer


def read_reviews(test: Path, rows: int) -> tuple[list[str], list[str]]:
    """Return the texts and labels of evenly chosen reviews."""
    import pyarrow.parquet

    table = pyarrow.parquet.read_table(test, columns=["text", "label"])
    table = table.take(np.linspace(0, len(table) - 1, min(rows, len(table))).astype(int))
    return table["text"].to_pylist(), table["label"].to_pylist()


def seconds_for(answer: Answer, text: str) -> float:
    started = time.perf_counter()
    answer([text])
    return time.perf_counter() - started


def report(runs: dict[str, list[dict[str, float]]]) -> None:
    rounds = len(runs["pipeline"])
    print(f"{rounds} rounds, medians")
    print(f"{'':10}{'texts/s':>9}{'of pipeline':>13}{'ms a text':>11}{'start s':>9}{'GiB':>6}{'accuracy':>10}")
    for variant, results in runs.items():
        ratios = [ours["rate"] / theirs["rate"] for ours, theirs in zip(results, runs["pipeline"], strict=True)]
        median = {name: statistics.median(result[name] for result in results) for name in results[0]}
        print(
            f"{variant:10}{median['rate']:9.1f}{statistics.median(ratios):12.2f}x{median['milliseconds']:11.1f}"
            f"{median['start']:9.2f}{median['memory']:6.2f}{median['accuracy']:10.4f}"
        )


if __name__ == "__main__":
    main()
