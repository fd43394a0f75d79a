"""Exported folders."""

import hashlib
import json
from pathlib import Path

import onnx

from bad_inputs import MB, Break, Case, both, cut, fifo, remove, replace, write
from predict.manifest import DIGEST, digest_of

EXPORT = "models/export"
MANIFEST = f"{EXPORT}/manifest.json"
GOOD = "predict good"
CHANGED = ["models/export/manifest.json was changed after the export: copy or export the whole folder again"]
NO_MANIFEST = ["models/export/manifest.json is not a manifest: copy or export the whole folder again"]


def edit(sealed: bool = False, **changes: object) -> Break:
    """Change keys of the manifest, `tokenize__max_length` one within another; `sealed` makes its digest fit."""

    def apply(folder: Path) -> None:
        manifest = json.loads((folder / MANIFEST).read_text())
        for name, value in changes.items():
            *parents, key = name.split("__")
            section = manifest
            for parent in parents:
                section = section[parent]
            section[key] = value
        if sealed:
            manifest[DIGEST] = digest_of(manifest)
        write(MANIFEST, json.dumps(manifest))(folder)

    return apply


def flip(path: str) -> Break:
    """Flip one bit in the middle of a file."""

    def apply(folder: Path) -> None:
        content = bytearray((folder / path).read_bytes())
        content[len(content) // 2] ^= 1
        write(path, bytes(content))(folder)

    return apply


def huge(folder: Path) -> None:
    """Make the int8 model take more memory than a heap of glibc's can hold."""
    model = onnx.load(folder / EXPORT / INT8)
    model.doc_string = " " * 150 * MB
    content = model.SerializeToString()
    write(f"{EXPORT}/{INT8}", content)(folder)
    edit(sealed=True, **{f"files__{INT8}__sha256": hashlib.sha256(content).hexdigest()})(folder)


def spoilt(name: str) -> list[str]:
    return [f"models/export/{name} is not the file that was exported: copy or export the whole folder again"]


def missing(name: str) -> list[str]:
    return [f"models/export/{name} is missing: copy or export the whole folder again"]


def case(name: str, broken: str, how: Break, lines: list[str], command: str = GOOD, **more: object) -> Case:
    return Case(f"export-{name}", broken, how, [f"…{lines[0]}"], command=command, **more)  # type: ignore[arg-type]


INT8, FP32 = "onnx/model_int8.onnx", "onnx/model.onnx"
SWAPPED = ["positive", "negative"]

CASES = [
    case("labels-swapped", "labels swapped in the manifest", edit(labels=SWAPPED), CHANGED),
    case(
        "labels-swapped-sealed",
        "the same, with a new digest",
        edit(sealed=True, labels=SWAPPED),
        ["the labels of …manifest.json are not those of config.json: copy or export the whole folder again"],
    ),
    case("label-renamed", "a label renamed in the manifest", edit(labels=["negative", "good"]), CHANGED),
    case("label-lost", "one label in the manifest", edit(labels=["negative"]), CHANGED),
    case("labels-no-list", "labels that are no list", edit(labels="negative"), CHANGED),
    case("max-length", "another `max_length` in the manifest", edit(tokenize__max_length=8), CHANGED),
    case("truncation", "an unknown truncation in the manifest", edit(tokenize__truncation="middle"), CHANGED),
    case("pad", "another padding token in the manifest", edit(tokenize__pad_token_id=7), CHANGED),
    case("tokens", "other special tokens in the manifest", edit(tokenize__tokens_before=[9]), CHANGED),
    case("files", "no files in the manifest", edit(files={}), CHANGED),
    case("version", "another version in the manifest", edit(versions__torch="1.0"), CHANGED),
    case("digest", "another digest in the manifest", edit(sha256_of_the_rest="0" * 64), CHANGED),
    case("no-digest", "no digest in the manifest", edit(sha256_of_the_rest=None), CHANGED),
    case(
        "format-1",
        "a manifest of an older version",
        edit(format=1),
        ["…manifest.json has format 1, and this version …"],
    ),
    case(
        "format-text",
        "a format that is no number",
        edit(format="3"),
        ["…manifest.json has format 3, and this version …"],
    ),
    case("no-json", "a manifest that is no JSON", cut(MANIFEST, 0.5), NO_MANIFEST),
    case("empty-manifest", "an empty manifest", write(MANIFEST, ""), NO_MANIFEST),
    case("list", "a manifest that is a list", write(MANIFEST, "[]"), NO_MANIFEST),
    case(
        "not-utf8", "a manifest that is not UTF-8", write(MANIFEST, b'{"format": 3, "labels": ["\xff"]}'), NO_MANIFEST
    ),
    case("deep", "a manifest of a hundred thousand brackets", write(MANIFEST, "[" * 100_000), NO_MANIFEST),
    case(
        "no-manifest",
        "no manifest",
        remove(MANIFEST),
        ["…manifest.json is missing: run `dvc repro export`, or name an exported folder with --model"],
    ),
    case(
        "pipe-manifest",
        "a manifest that is a pipe",
        both(remove(MANIFEST), fifo(MANIFEST)),
        ["…manifest.json is missing: run `dvc repro export`, or name an exported folder with --model"],
    ),
    case("int8-flipped", "a bit of the int8 model flipped", flip(f"{EXPORT}/{INT8}"), spoilt(INT8)),
    case("int8-cut", "an int8 model that is cut short", cut(f"{EXPORT}/{INT8}", 0.9), spoilt(INT8)),
    case("int8-empty", "an empty int8 model", write(f"{EXPORT}/{INT8}", ""), spoilt(INT8)),
    case("int8-missing", "no int8 model", remove(f"{EXPORT}/{INT8}"), missing(INT8)),
    case(
        "fp32-flipped",
        "a bit of the float32 model flipped",
        flip(f"{EXPORT}/{FP32}"),
        spoilt(FP32),
        command="predict --precision fp32 good",
    ),
    case(
        "tokenizer-cut", "a tokenizer that is cut short", cut(f"{EXPORT}/tokenizer.json", 0.5), spoilt("tokenizer.json")
    ),
    case("tokenizer-missing", "no tokenizer", remove(f"{EXPORT}/tokenizer.json"), missing("tokenizer.json")),
    case(
        "config-labels",
        "labels swapped in config.json",
        replace(f"{EXPORT}/config.json", '"0": "negative"', '"0": "positive"'),
        spoilt("config.json"),
    ),
    case("config-missing", "no config.json", remove(f"{EXPORT}/config.json"), missing("config.json")),
    case(
        "pipe-model",
        "a model that is a pipe",
        both(remove(f"{EXPORT}/{INT8}"), fifo(f"{EXPORT}/{INT8}")),
        missing(INT8),
    ),
    case(
        "memory",
        "a model too large for the memory",
        huge,
        ["ONNX Runtime can't load …: …bad_alloc"],
        address_space=60 * MB,
        environment={"TOKENIZERS_PARALLELISM": "false"},  # threads, one for each core, would take some of it
    ),
]
