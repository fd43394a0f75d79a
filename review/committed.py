"""Are the committed results those of the commit? Nothing is run for the answer, and no data is pulled.

dvc.lock says which code, params and data each stage ran on, and what it left. Here that is compared with the code,
the params, the hashes of the data and the metrics that Git has, and with the figures in the README.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from review.dvc_files import file_hash, folder_hash
from review.revisions import Revision, declared

REMEDY = "run `dvc repro` and commit dvc.lock and metrics/"
NUMBER = re.compile(r"(?<![\w.])[-+]?\d+\.\d+(?![\w.])")


@dataclass(frozen=True)
class Committed:
    problems: list[str]  # each a line that says what is stale and what to do
    unknown: list[str]  # paths that can't be judged without the data itself


def check_committed(revision: Revision) -> Committed:
    """Compare dvc.lock, the metrics and the README of a revision with its code, params and data hashes."""
    problems, unknown = [], []
    for name, stage in revision.stages.items():
        locked = revision.lock.get(name)
        if locked is None:
            problems.append(f"{name} is not in dvc.lock: {REMEDY}")
            continue
        stale, unsure = stale_dependencies(revision, stage, locked)
        stale += stale_params(revision, stage, locked) + stale_outputs(revision, stage, locked)
        unknown += unsure
        if stage["cmd"] != locked["cmd"]:
            stale.insert(0, "its command")
        if stale:
            problems.append(f"{name} has not run on this commit: {listed(stale)} changed since; {REMEDY}")
    return Committed(problems + wrong_quotes(revision), sorted(set(unknown)))


def stale_dependencies(revision: Revision, stage: dict, locked: dict) -> tuple[list[str], list[str]]:
    """Return the dependencies that are not those of the lock, and those of which nothing is known without the data."""
    known = {item["path"]: item.get("md5") for item in locked.get("deps") or []}
    stale, unsure = [], []
    for path in declared(stage.get("deps") or []):
        found = revision.hashes.get(path) or hash_of(revision, path)
        if path not in known or (found and found != known[path]):
            stale.append(path)
        elif found is None:
            unsure.append(path)
    stale += [f"{path} (no longer read)" for path in known if path not in declared(stage.get("deps") or [])]
    return stale, unsure


def hash_of(revision: Revision, path: str) -> str | None:
    """Return DVC's hash of a file or folder of the revision; one that DVC tracks, by its `.dvc`."""
    content = revision.read(path)
    if content is not None:
        return file_hash(content)
    tracked = tracked_by_dvc(revision, f"{path}.dvc")
    if tracked:
        return tracked[1]
    inside: dict[str, str] = {}
    for file in revision.files(path):
        inside[file.removeprefix(f"{path}/")] = file_hash(revision.read(file) or b"")
        tracked = tracked_by_dvc(revision, file) if file.endswith(".dvc") else None
        if tracked and tracked[1].endswith(".dir"):
            return None  # which files that folder has is in its data only
        if tracked:
            folder = file.removeprefix(f"{path}/").rpartition("/")[0]
            inside[f"{folder}/{tracked[0]}".lstrip("/")] = tracked[1]
    return folder_hash(inside) if inside else None


def tracked_by_dvc(revision: Revision, path: str) -> tuple[str, str] | None:
    """Return name and hash of what a `.dvc` file stands for."""
    outs = revision.yaml(path).get("outs") or []
    return (outs[0]["path"], outs[0].get("md5", "")) if outs else None


def stale_params(revision: Revision, stage: dict, locked: dict) -> list[str]:
    """Return the dotted keys whose value is not that of the lock."""
    stale: list[str] = []
    for item in stage.get("params") or []:
        files = item if isinstance(item, dict) else {"params.yaml": [item]}
        for file, keys in files.items():
            values = dict(flat(revision.yaml(file)))
            known = dict(flat((locked.get("params") or {}).get(file) or {}))
            for key in keys:
                inside = {name for name in {*values, *known} if name == key or name.startswith(f"{key}.")}
                stale += sorted(name for name in inside if values.get(name, stale) != known.get(name, stale))
    return stale


def stale_outputs(revision: Revision, stage: dict, locked: dict) -> list[str]:
    """Return the outputs that the lock lacks, and those in Git that are not the ones that the lock names."""
    known = {item["path"]: item.get("md5") for item in locked.get("outs") or []}
    stale = []
    for kind in ("outs", "metrics", "plots"):
        for item in stage.get(kind) or []:
            path, options = next(iter(item.items())) if isinstance(item, dict) else (item, {})
            in_git = not options.get("cache", True)
            if path not in known or (in_git and known[path] != file_hash(revision.read(path) or b"")):
                stale.append(path)
    return stale


def wrong_quotes(revision: Revision) -> list[str]:
    """Return the figures in the README's tables that are not those of the metrics.

    A row of a table counts where its first cell is a score with an interval, such as accuracy; its numbers must be
    the score, the ends of its interval or the baseline's score, rounded as they may be.
    """
    scores = revision.metrics("evaluate.json")
    problems = []
    for line in (revision.text("README.md") or "").splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")] if line.startswith("|") else [""]
        name = cells[0].strip("`* ")
        if f"{name}_ci95_low" not in scores:
            continue
        values = [scores[name], scores[f"{name}_ci95_low"], scores[f"{name}_ci95_high"]]
        values += [scores.get("baseline", {}).get(name, values[0])]
        wrong = [quoted for quoted in NUMBER.findall(" ".join(cells[1:])) if not is_one_of(quoted, values)]
        if wrong:
            problems.append(
                f"README.md quotes {', '.join(wrong)} for {name}, and the metrics say "
                f"{', '.join(map(str, dict.fromkeys(values)))}: correct the README"
            )
    return problems


def is_one_of(quoted: str, values: list[float]) -> bool:
    """Say whether a figure is one of the values, rounded to as many decimals as it has."""
    unit = 10.0 ** -len(quoted.partition(".")[2])
    return any(abs(float(quoted) - value) <= unit / 2 + 1e-9 for value in values)


def listed(names: list[str], most: int = 5) -> str:
    """Return names in a line, and how many more there are."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def flat(values: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Yield each value of nested mappings by its dotted key."""
    if isinstance(values, dict) and values:
        for name, value in values.items():
            yield from flat(value, f"{key}.{name}".lstrip("."))
    else:
        yield key, values
