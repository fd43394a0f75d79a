"""Turn a reference to data or to a base model into files on this machine.

package:NAME/PATH        files inside an installed Python package, found without importing it
hub:OWNER/NAME@REVISION  a Hugging Face Hub repository at a commit
anything else            a path, from the repository's root or absolute; data may use glob patterns
"""

import glob
import importlib.util
import re
from pathlib import Path

from stages.common.errors import MissingInput, UserError

COMMIT = re.compile(r"[0-9a-f]{40}")
MODEL_FILES = ["*.json", "*.safetensors", "*.txt", "*.model", "*.jinja"]  # no pickle, no code
DATASET_FILES = ["*.csv", "*.tsv", "*.json", "*.jsonl", "*.parquet", "README.md"]


def resolve_model(reference: str, key: str) -> Path:
    """Return the folder of a base model: config.json, safetensors and tokenizer.

    Raises:
        MissingInput: naming `key`, the dotted name of the param that holds the reference.
    """
    folder = _resolve_one(reference, key, "model", MODEL_FILES)
    if not (folder / "config.json").exists():
        raise MissingInput(f"{key}: {reference} has no config.json: name a folder that holds a model and its tokenizer")
    return folder


def resolve_data(references: str | list[str], key: str) -> list[Path]:
    """Return the data files that one or several references name, in order; a hub reference gives a folder.

    Raises:
        MissingInput: naming `key`, the dotted name of the param that holds the references.
    """
    found: list[Path] = []
    for reference in [references] if isinstance(references, str) else references:
        if reference.startswith(("package:", "hub:")):
            found.append(_resolve_one(reference, key, "dataset", DATASET_FILES))
            continue
        matches = sorted(Path(match) for match in glob.glob(reference, recursive=True))  # noqa: PTH207 (absolute patterns)
        if not matches:
            raise MissingInput(f"{key}: no file matches {reference} (looked in {Path.cwd()})")
        found += matches
    return found


def _resolve_one(reference: str, key: str, kind: str, hub_files: list[str]) -> Path:
    if reference.startswith("hub:"):
        return _from_hub(reference, key, kind, hub_files)
    path = _from_package(reference, key) if reference.startswith("package:") else Path(reference)
    if not path.exists():
        raise MissingInput(f"{key}: {reference} is not there (looked for {path})")
    return path


def _from_package(reference: str, key: str) -> Path:
    package, _, inner = reference.removeprefix("package:").partition("/")
    try:
        spec = importlib.util.find_spec(package)  # of a top-level package: runs none of its code
    except (ValueError, ModuleNotFoundError):
        spec = None
    if spec is None or not spec.submodule_search_locations:
        raise MissingInput(f"{key}: {reference} needs the Python package {package}, which is not installed")
    return Path(spec.submodule_search_locations[0]) / inner


def _from_hub(reference: str, key: str, kind: str, files: list[str]) -> Path:
    from huggingface_hub import snapshot_download

    repository, _, revision = reference.removeprefix("hub:").partition("@")
    if not COMMIT.fullmatch(revision):
        raise UserError(
            f"{key}: {reference} must be pinned to a commit, as hub:OWNER/NAME@ and the 40 hexadecimal digits that "
            f"the repository's page on the Hub lists under Files, History; however: revision={revision or 'none'}"
        )
    try:
        return Path(snapshot_download(repository, repo_type=kind, revision=revision, allow_patterns=files))
    except Exception as error:  # the Hub client raises many unrelated types
        reason = str(error).strip().splitlines()[0]
        raise MissingInput(f"{key}: {reference} cannot be had from the Hub or its local cache: {reason}") from error
