"""Turn a reference to data or to a base model into files on this machine.

package:NAME/PATH        files inside an installed Python package, found without importing it
hub:OWNER/NAME@REVISION  a Hugging Face Hub repository at a commit; of a data set also /PATH, a folder or file in it
anything else            a path, from the repository's root or absolute; data may use glob patterns

What a reference names is read, and never run. A package's files stay inside the package, and those of a data set inside
its folder: so a params.yaml or a README.md of somebody else's can't have other files of this machine read as data.
"""

import glob
import json
import re
import stat
import sys
import threading
from collections.abc import Iterator
from importlib.machinery import PathFinder
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from stages.common.errors import MissingInput, UserError

COMMIT = re.compile(r"[0-9a-f]{40}")
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
REPOSITORY = re.compile(r"(\w[\w.-]*/)?\w[\w.-]*", re.ASCII)
MODEL_FILES = ["*.json", "*.safetensors", "*.txt", "*.model", "*.jinja"]  # no pickle, no code
DATASET_FILES = ["*.csv", "*.tsv", "*.json", "*.jsonl", "*.parquet", "README.md"]
HUB_SECONDS = 5  # for the Hub to answer at all


def resolve_model(reference: str, key: str) -> Path:
    """Return the folder of a base model: config.json, safetensors and tokenizer.

    Raises:
        UserError: naming `key`, the dotted name of the param that holds the reference.
    """
    folder = _resolve_one(reference, key, "model", MODEL_FILES)
    old_layout = folder / "0_Transformer"  # of sentence-transformers
    if not (folder / "config.json").exists() and (old_layout / "config.json").exists():
        folder = old_layout
    if not (folder / "config.json").exists():
        raise MissingInput(f"{key}: {reference} has no config.json: name a folder that holds a model and its tokenizer")
    for path in folder.iterdir():
        _check_readable(path, reference, key)
    return folder


def resolve_data(references: str | list[str], key: str) -> list[Path]:
    """Return the data files that one or several references name, in order; a hub reference gives a folder.

    Raises:
        UserError: naming `key`, the dotted name of the param that holds the references.
    """
    found: list[Path] = []
    for reference in [references] if isinstance(references, str) else references:
        if reference.startswith(("package:", "hub:")):
            paths = [_resolve_one(reference, key, "dataset", DATASET_FILES)]
        else:
            _check_path(reference, key)
            matches = glob.glob(reference, recursive=True) or glob.glob(glob.escape(reference))  # noqa: PTH207 (absolute)
            paths = sorted(map(Path, matches))
            if not paths:
                raise MissingInput(f"{key}: no file matches {reference} (looked in {Path.cwd()})")
        for path in paths:
            _check_readable(path, reference, key)
            if path.is_dir():
                _check_data_folder(path, reference, key)
        found += paths
    return found


def _resolve_one(reference: str, key: str, kind: str, hub_files: list[str]) -> Path:
    _check_path(reference, key)
    if reference.startswith("hub:"):
        return _from_hub(reference, key, kind, hub_files)
    path = _from_package(reference, key) if reference.startswith("package:") else Path(reference)
    if not path.exists():
        raise MissingInput(f"{key}: {reference} is not there (looked for {path})")
    return path


def _check_path(reference: str, key: str) -> None:
    """Refuse what the file system can't look for."""
    if CONTROL.search(reference):
        raise UserError(f"{key}: {reference[:80]!r} can't be a path: it has a control character in it")
    try:
        Path(reference).exists()
    except OSError as error:  # too long
        raise UserError(f"{key}: {reference[:80]!r} can't be a path: {error.strerror}") from None


def _check_readable(path: Path, reference: str, key: str) -> None:
    """Refuse pipes, devices and sockets, whose reading may never end."""
    mode = path.stat().st_mode if path.exists() else 0
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        found = "a link to nothing" if path.is_symlink() and not mode else "a pipe, a device or a socket"
        raise UserError(f"{key}: {reference} must name files and folders, but {path} is {found}")


def _from_package(reference: str, key: str) -> Path:
    package, _, inner = reference.removeprefix("package:").partition("/")
    if not package.isidentifier() or package in sys.stdlib_module_names:
        raise UserError(
            f"{key}: {reference} must be package:NAME/PATH, NAME being that of an installed package as `import` takes "
            f"it, without dots; however: {package!r}"
        )
    elsewhere = [entry for entry in sys.path if entry not in ("", str(Path.cwd()))]
    spec = PathFinder.find_spec(package, elsewhere)  # of a package at the top: runs none of its code
    if spec is None or not spec.submodule_search_locations:
        raise MissingInput(f"{key}: {reference} needs the Python package {package}, which is not installed")
    root = Path(next(iter(spec.submodule_search_locations)))
    if _leads_out(inner) or not (root / inner).resolve().is_relative_to(root.resolve()):
        raise UserError(f"{key}: {reference} leads out of the package: name a path inside it")
    return root / inner


def _leads_out(path: str) -> bool:
    """Tell whether a relative path, as it is written, may not stay in its folder."""
    forms = (PurePosixPath(path), PureWindowsPath(path))
    return any(form.anchor or ".." in form.parts or "~" in path[:1] for form in forms) or ":" in path


def _check_data_folder(folder: Path, reference: str, key: str) -> None:
    """Refuse a folder whose card, README.md, or lists of files have `datasets` read files outside it."""
    for path in folder.rglob("*"):
        _check_readable(path, reference, key)
    if (folder / ".huggingface.yaml").exists():
        raise UserError(f"{key}: {reference} has a .huggingface.yaml: put what it says into README.md instead")
    named = [(folder / "README.md", name) for name in _card_paths(folder / "README.md", reference, key)]
    for path in (*folder.rglob("state.json"), *folder.rglob("dataset_dict.json")):
        named += [(path, name) for name in _saved_paths(path)]
    for path, name in named:
        if _leads_out(name):
            raise UserError(
                f"{key}: the {path.name} of {reference} names the data {name!r}, which is not in its folder: name "
                "files of the folder"
            )


def _saved_paths(path: Path) -> list[str]:
    """Return the files or the folders of splits that a list names which `datasets` saved; none of another file."""
    try:
        content = json.loads(path.read_bytes())
        named = content["splits"] if path.name == "dataset_dict.json" else content["_data_files"]
        return [str(each["filename"] if isinstance(each, dict) else each) for each in named]
    except (ValueError, KeyError, TypeError, RecursionError):
        return []


def _card_paths(card: Path, reference: str, key: str) -> Iterator[str]:
    """Yield the paths and patterns that a data set's card names, as `datasets` reads them."""
    if not card.exists():
        return
    from huggingface_hub import DatasetCard

    try:
        waiting: list[tuple[bool, Any]] = [(False, DatasetCard.load(card).data.get("configs"))]
    except Exception as error:  # YAML's and the Hub client's own
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"{key}: the README.md of {reference} has a head that can't be read: {reason}") from None
    seen = set()  # by an alias of YAML, a value may hold itself
    while waiting:
        is_path, value = waiting.pop()
        if is_path and isinstance(value, str):
            yield value
        elif isinstance(value, dict | list) and (is_path, id(value)) not in seen:
            seen.add((is_path, id(value)))
            items = value.items() if isinstance(value, dict) else enumerate(value)
            waiting += [(is_path or name in ("data_files", "data_dir"), item) for name, item in items]


def _from_hub(reference: str, key: str, kind: str, files: list[str]) -> Path:
    from huggingface_hub import constants, snapshot_download

    repository, _, rest = reference.removeprefix("hub:").partition("@")
    revision, _, inner = rest.partition("/") if kind == "dataset" else (rest, "", "")
    if not REPOSITORY.fullmatch(repository):
        raise UserError(f"{key}: {reference} must be hub:OWNER/NAME@REVISION; however: {repository!r}")
    if not COMMIT.fullmatch(revision):
        raise UserError(
            f"{key}: {reference} must be pinned to a commit, as hub:OWNER/NAME@ and the 40 hexadecimal digits that "
            f"the repository's page on the Hub lists under Files, History; however: revision={revision or 'none'}"
        )
    if _leads_out(inner):
        raise UserError(f"{key}: {reference} leads out of the repository: name a path inside it")
    if inner:
        files = [inner, *(f"{inner.rstrip('/')}/{name}" for name in files)]
    online = not constants.HF_HUB_OFFLINE and hub_answers()
    try:
        found = snapshot_download(
            repository, repo_type=kind, revision=revision, allow_patterns=files, local_files_only=not online
        )
    except Exception as error:  # the Hub client raises many unrelated types
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        if not online:
            why = "HF_HUB_OFFLINE is set" if constants.HF_HUB_OFFLINE else f"{constants.ENDPOINT} does not answer"
            reason = f"{why}, and it is not in the local cache. Run again with a network, or name files of this machine"
        raise MissingInput(f"{key}: {reference} cannot be had from the Hub: {reason}") from error
    if not (Path(found) / inner).exists():
        raise MissingInput(f"{key}: {reference} is not there: the repository has no {inner} with data in it")
    return Path(found) / inner


def hub_answers() -> bool:
    """Ask the Hub once: its client would try for minutes. A thread, since looking up its name has no time limit."""
    from huggingface_hub import constants, get_session

    answers: list[bool] = []

    def ask() -> None:
        try:
            get_session().head(constants.ENDPOINT, timeout=HUB_SECONDS)
        except Exception:  # of many libraries below: whichever, it can't be reached
            return
        answers.append(True)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(HUB_SECONDS)
    return bool(answers)
