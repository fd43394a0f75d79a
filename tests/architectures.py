"""What every architecture that transformers can classify with can do here, on tiny models with random weights.

Run: python -m tests.architectures [NAME …], which writes their rows of docs/architectures.md, or all (two hours)
"""

import contextlib
import io
import multiprocessing
import os
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import numpy as np
from architectures_training import LABELS, MODES, ROWS, Task, accuracy, make_task, plain_accuracy, trained
from datasets import Dataset
from peft import PeftModel
from peft.tuners.lora import LoraLayer
from tiny_architectures import ARCHITECTURES, save_architecture
from transformers import AutoConfig, AutoModelForSequenceClassification
from transformers.utils import logging

from predict.classifier import MODELS, start_session
from predict.tokens import Window
from stages.common.errors import UserError
from stages.common.inference import pad_batch, predict_logits
from stages.common.model import load_adapter, run_without_padding, save_adapter
from stages.common.probe import reason
from stages.export.onnx_graph import save_onnx
from stages.train_lora.fit import Fitted

COLUMNS = (*MODES, "ONNX", "int8", "prefix", "fused")
LEARNT = 0.85  # accuracy
LESS = 0.03  # of accuracy: a smaller difference is chance
SEEDS = (1, 5, 20)  # whose mean counts: more, where so many show a disadvantage
PARITY = 1e-4  # of any logit
ROUNDED = 0.1  # of the logits of 9 texts in 10, by training's number format, in standard deviations, of 0.1 at least
SECONDS = 1800  # for one architecture
PAGE = Path(__file__).parents[1] / "docs/architectures.md"
PROCESSES = multiprocessing.get_context("forkserver")
TEXT = """# Architectures and base models

Made by `python -m tests.architectures` (two hours, so not by `make docs`; `make nightly` checks it), from tiny models
with random weights of architectures that `AutoModelForSequenceClassification` of transformers knows. Each learns from
{train} texts to tell good words from bad ones, through the pipeline's own training and export, and through the Trainer
of transformers and PEFT by themselves ("plain"), with adapters in the same modules, at the same learning rate, warm-up
included, for as many epochs. One that isn't listed is tried, and added, by `python -m tests.architectures NAME`.

| column | yes means |
| --- | --- |
| auto, top block, all-linear | with these adapters, in float32 and in bfloat16, {learnt:.0%} of {test} other texts \
are right, and at most {less:.0%} fewer than with the plain libraries; the reloaded and the merged model give the same \
logits (`float32`: not in bfloat16, as training says) |
| ONNX | ONNX Runtime gives the logits of `all-linear` within {parity:g} |
| int8 | so it decides with weights of 8 bits: 2 % of the texts otherwise at most |
| prefix, fused | the output of the frozen blocks was stored, which ALBERT has none of; adapters ran fused (where not, \
training says why) |

`like plain`: fewer are right, and the plain libraries do no better; `no`: they do, on average over {seeds} seeds.
`lengths`: its logits depend on padding, so texts of one length run together, on both sides. What can't be trained is
refused in one line, before training.

## What a base model's folder may hold

- Weights in safetensors, in one file or in shards; pickles are refused, and code in the folder is never run.
- A tokenizer with its `tokenizer.json`, or one that transformers turns into it. One with no padding token pads with its
  end token. One with more token ids than the model knows is refused, and so are more tokens than it has positions for:
  of RoBERTa's 514, two are padding's.
- A sentence-transformers model. Its own pooling (`1_Pooling`: the mean over tokens, say) is for embeddings and is not
  used: the architecture's classification head reads the first token, and it and its pooler are trained.
- A head for other labels, which is replaced, and a checkpoint whose output layer is tied to its embeddings.

## Which architecture can do what

| architecture | {columns} | refused because |
| --- | {rule} | --- |
{rows}
"""


def examine(model_type: str, folder: Path) -> dict[str, str]:
    """Return what an architecture can do, by column; `refused` holds a refusal's line."""
    os.environ["XDG_CACHE_HOME"] = str(folder / "cache")
    base = save_architecture(folder / "base", model_type)
    task = make_task(base)
    found: dict[str, str] = {}
    for mode in MODES:
        for dtype in ("bfloat16", "float32"):
            try:
                new = examine_training(mode, dtype, task, folder / mode / dtype)
                found |= {name: word for name, word in new.items() if found.get(name, "yes") == "yes"}
            except UserError as error:
                found["refused"] = str(error).removeprefix("model.base: ").replace(str(folder), "")
    merged = folder / "all-linear/float32/merged"
    return found | (examine_onnx(merged, task.validation) if merged.exists() else {})


def examine_training(mode: str, dtype: str, task: Task, folder: Path) -> dict[str, str]:
    """Train in a mode, save, reload and merge; return the mode's cell, and what else this shows.

    It leaves the merged model in `folder`/merged, and its logits of the validation split.
    """
    model, fitted, able = trained(mode, dtype, task, folder, seed=0)
    found = {}
    if mode == "top block":
        found["prefix"] = "yes" if any(fitted.prefix_seconds) else "no"
    if mode == "all-linear":
        adapters = [module for module in model.modules() if isinstance(module, LoraLayer)]
        found["fused"] = "yes" if any("forward" in vars(module) for module in adapters) else "no"
    kept = why_not_kept(model, fitted, task, folder)
    reached, plain = accuracy(model, task.test), plain_accuracy(mode, task, seed=0)
    ours, theirs = [reached], [plain]
    while reached < plain - LESS and len(ours) < SEEDS[-1]:
        for seed in range(len(ours), next(count for count in SEEDS if count > len(ours))):
            ours.append(accuracy(trained(mode, dtype, task, folder / str(seed), seed)[0], task.test))
            theirs.append(plain_accuracy(mode, task, seed))
        reached, plain = float(np.mean(ours)), float(np.mean(theirs))
    learnt = "no" if reached < plain - LESS else "like plain" if reached < LEARNT else able
    found[mode] = kept or ("yes" if learnt == dtype else learnt)
    return found


def why_not_kept(model: PeftModel, fitted: Fitted, task: Task, folder: Path) -> str | None:
    """Return which form of a trained model, if any, is another model."""
    logits = predict_logits(model, task.validation, 5)
    np.save(folder / "trained.npy", logits)
    rounded = np.quantile(np.abs(fitted.logits - logits).max(axis=1), 0.9)  # a router may send some texts elsewhere
    if rounded > ROUNDED * max(logits.std(), 0.1):
        return "other in training"
    save_adapter(model, folder / "adapter", "the/base")
    reloaded = load_adapter(task.base, folder / "adapter", LABELS)
    if not near(predict_logits(reloaded, task.validation, 7), logits):
        return "not reloaded"
    reloaded.merge_and_unload().save_pretrained(folder / "merged")
    merged = AutoModelForSequenceClassification.from_pretrained(folder / "merged").eval()
    run_without_padding(merged)
    return None if near(predict_logits(merged, task.validation, 7), logits) else "not merged"


def examine_onnx(folder: Path, rows: Dataset) -> dict[str, str]:
    """Return whether the ONNX graphs give the trained model's logits, and its decisions in int8."""
    trained = np.load(folder.parent / "trained.npy")
    graphs = save_onnx(folder, rows)
    if graphs.problem:
        return {"ONNX": "no", "int8": "no"}
    pad = AutoConfig.from_pretrained(folder).get_text_config().pad_token_id
    logits = {}
    for precision, name in MODELS.items():
        session = start_session(folder / name, 1)
        parts = []
        for ids in rows["input_ids"]:
            other = ids if graphs.equal_lengths else [*ids[:-1], *ids]  # of one end token
            batch = pad_batch([Window(ids), Window(other)], pad)
            taken = {value.name: batch[value.name].numpy() for value in session.get_inputs()}
            parts.append(session.run(["logits"], taken)[0][:1])
        logits[precision] = np.concatenate(parts)
    held = "lengths" if graphs.equal_lengths else "yes"
    flipped = (logits["int8"].argmax(1) != trained.argmax(1)).mean()
    return {"ONNX": held if near(logits["fp32"], trained) else "no", "int8": held if flipped <= 0.02 else "no"}


def near(found: np.ndarray, expected: np.ndarray) -> bool:
    return bool(np.abs(found - expected).max() <= PARITY)


def row_of(model_type: str) -> dict[str, str]:
    """Examine an architecture in a process of its own, which may hang or crash."""
    with PROCESSES.Pool(1) as pool:
        try:
            return pool.apply_async(examine_quietly, [model_type]).get(SECONDS)
        except multiprocessing.TimeoutError:
            return {"refused": f"failed: not done in {SECONDS} seconds"}


def examine_quietly(model_type: str) -> dict[str, str]:
    """Examine an architecture in a folder of its own; what goes wrong is said in its row, too."""
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    with (
        tempfile.TemporaryDirectory() as folder,
        contextlib.redirect_stderr(io.StringIO()),
        contextlib.redirect_stdout(io.StringIO()),
    ):
        try:
            return examine(model_type, Path(folder))
        except ImportError as error:  # of a library that this architecture alone needs
            return {"refused": reason(error)}
        except Exception as error:
            return {"refused": f"failed: {reason(error)}"}


def row_line(name: str, row: dict[str, str]) -> str:
    cells = [name, *(row.get(column, "") for column in COLUMNS), row.get("refused", "").replace("|", "/")]
    return f"| {' | '.join(cells)} |"


def page_rows() -> dict[str, str]:
    """Return the lines of the page's table by architecture."""
    lines = PAGE.read_text(encoding="utf-8").splitlines() if PAGE.exists() else []
    named = {line.split(" | ")[0].removeprefix("| "): line for line in lines}
    return {name: line for name, line in named.items() if name in ARCHITECTURES}


def write_page(rows: dict[str, str]) -> None:
    """Write the page with the lines of its table by architecture."""
    text = TEXT.format(
        train=ROWS[0],
        test=ROWS[2],
        learnt=LEARNT,
        less=LESS,
        seeds=SEEDS[-1],
        parity=PARITY,
        columns=" | ".join(COLUMNS),
        rule=" | ".join("---" for _ in COLUMNS),
        rows="\n".join(line for _, line in sorted(rows.items())),
    )
    PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    PROCESSES.set_forkserver_preload(["stages.train_lora.fit", "stages.export.onnx_graph"])
    for architecture in sys.argv[1:] or ARCHITECTURES:
        result = row_of(architecture)
        print(row_line(architecture, result), flush=True)
        write_page(page_rows() | {architecture: row_line(architecture, result)})
