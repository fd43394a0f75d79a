"""The manifest of an exported folder: what a prediction needs to know, and the SHA-256 of every file.

The manifest is checked whole, against the digest that it carries of itself, each time a model is loaded, and so are
the files that are loaded. Its labels must be those of config.json. That finds mistakes and damage; whoever wants to
deceive can write a new digest.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

from predict.errors import PredictError

FORMAT = 3  # of manifest.json
DIGEST = "sha256_of_the_rest"
AGAIN = "copy or export the whole folder again"


def digest_of(manifest: dict[str, Any]) -> str:
    """Return the SHA-256 of all of a manifest but its digest."""
    rest = {name: value for name, value in manifest.items() if name != DIGEST}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def read_manifest(folder: Path) -> dict[str, Any]:
    """Return the manifest of an exported folder.

    Raises:
        PredictError: when there is none, or it is not as it was written.
    """
    path = folder / "manifest.json"
    if not path.is_file():
        raise PredictError(f"{path} is missing: run `dvc repro export`, or name an exported folder with --model")
    try:
        manifest = json.loads(path.read_bytes())
        version = manifest["format"]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise PredictError(f"{path} is not a manifest: {AGAIN}") from error
    if version != FORMAT:
        raise PredictError(f"{path} has format {version}, and this version of predict reads {FORMAT}: {AGAIN}")
    if manifest.get(DIGEST) != digest_of(manifest):
        raise PredictError(f"{path} was changed after the export: {AGAIN}")
    return manifest


def check_files(folder: Path, names: list[str], manifest: dict[str, Any]) -> None:
    """Raise PredictError unless these files, and weights beside a model, are those that the manifest names, and the
    labels those of config.json."""
    files = manifest["files"]
    for name in names:
        if name not in files and (why := manifest["onnx"]["missing_because"]):
            raise PredictError(
                f"{folder} has no ONNX form ({why}): pip install torch transformers, and then in Python "
                f"transformers.pipeline('text-classification', model='{folder}')"
            )
        if name not in files:
            raise PredictError(f"{folder} was exported without {name}: export it again, or choose another --precision")
    for name, known in files.items():
        if name.startswith(("config.json", *names)):
            path = folder / name
            if not path.is_file():
                raise PredictError(f"{path} is missing: {AGAIN}")
            if file_sha256(path) != known["sha256"]:
                raise PredictError(f"{path} is not the file that was exported: {AGAIN}")
    labels = json.loads((folder / "config.json").read_bytes())["id2label"]
    if [labels.get(str(number)) for number in range(len(labels))] != manifest["labels"]:
        raise PredictError(f"the labels of {folder / 'manifest.json'} are not those of config.json: {AGAIN}")


def file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
