"""Merge a branch into this one, and make the results that belong to both.

Code is merged by Git. Params are merged key by key, so that two branches may change neighbouring lines. `dvc.lock` and
the metrics are not merged but made: of each stage the entry of the side that changed it is taken, and `dvc repro` runs
what neither side has run.

Run: python -m sharing.merge BRANCH, or without BRANCH to go on with a merge that was in conflict.
"""

import argparse
import io
import subprocess
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from stages.common.errors import UserError, run

Params = dict[str, dict[str, Any]]
MISSING = object()
BASE, OURS, THEIRS = ":1:", ":2:", ":3:"  # of a file in conflict, as Git's index names its versions


def main() -> None:
    """Leave a merge commit whose results are those of its code, params and data.

    Raises:
        UserError: when there is nothing to merge, a conflict is a person's to resolve, or a stage fails.
    """
    parser = argparse.ArgumentParser(prog="python -m sharing.merge", description="Merge a branch and its results.")
    parser.add_argument("branch", nargs="?", default="", help="left out, a merge in conflict goes on")
    start(parser.parse_args().branch)
    made = outputs_in_git()
    merge_params()
    take_sides(made)
    if left := conflicts():
        raise UserError(
            f"both branches changed {', '.join(left)}: resolve what stands between <<<<<<< and >>>>>>>, "
            f"`git add` it, and go on with `make merge` (or give up with `git merge --abort`)"
        )
    make_results()
    git("add", "--", "dvc.lock", *filter(exists, made))
    git("commit", "--quiet", "--no-edit", "--cleanup=strip")
    print(f"merged: {git('log', '-1', '--format=%h %s')}")


def start(branch: str) -> None:
    """Begin a merge, without its commit; without a branch, be content with one that is open.

    Raises:
        UserError: when Git can't merge here and now.
    """
    merging = Path(git("rev-parse", "--git-path", "MERGE_HEAD")).exists()
    if not branch and not merging:
        raise UserError("no merge is open: name a branch, as in `make merge BRANCH=origin/main`")
    if not branch:
        return
    if merging:
        raise UserError("a merge is open: go on with `make merge` alone, or give it up with `git merge --abort`")
    if changed := git("status", "--porcelain", "--untracked-files=no"):
        raise UserError(f"uncommitted changes would be lost in the merge; commit or stash them first:\n{changed}")
    done = subprocess.run(["git", "merge", "--no-commit", "--no-ff", branch], text=True, capture_output=True)
    if not Path(git("rev-parse", "--git-path", "MERGE_HEAD")).exists():
        said = (done.stderr or done.stdout).strip()
        raise UserError(f"Git does not merge {branch}: {said}")


def merge_params() -> None:
    """Merge params.yaml key by key, if it is in conflict.

    Raises:
        UserError: naming the keys that both sides changed, each in its own way.
    """
    if "params.yaml" not in conflicts():
        return
    yaml = YAML()  # keeps comments
    base, ours, theirs = (yaml.load(git("show", f"{side}params.yaml")) for side in (BASE, OURS, THEIRS))
    clashes = merge_keys(base, ours, theirs)
    if clashes:
        raise UserError(
            "both branches changed the same params:\n"
            + "".join(f"  {clash}\n" for clash in clashes)
            + "choose in params.yaml, `git add params.yaml`, and go on with `make merge`"
        )
    text = io.StringIO()
    yaml.dump(ours, text)
    Path("params.yaml").write_text(text.getvalue(), encoding="utf-8")
    git("add", "params.yaml")


def merge_keys(base: Params, ours: Params, theirs: Params) -> list[str]:
    """Bring into `ours` what `theirs` changed; return the keys that both changed, each in its own way."""
    clashes = []
    keys = {(section, key) for side in (base, theirs) for section, entries in side.items() for key in entries}
    for section, key in sorted(keys):
        before, mine, other = (side.get(section, {}).get(key, MISSING) for side in (base, ours, theirs))
        if other in (before, mine):
            continue
        if mine != before:
            clashes.append(f"{section}.{key}: {shown(mine)} here, {shown(other)} there")
        elif other is MISSING:
            del ours[section][key]
        else:
            ours.setdefault(section, {})[key] = other
    return clashes


def shown(value: object) -> str:
    return "left out" if value is MISSING else repr(value)


def take_sides(made: list[str]) -> None:
    """Resolve dvc.lock and the results in Git, each stage and file in favour of the side that changed it.

    Where both did, this branch's stands in until it is made anew.
    """
    for path in {*conflicts()} & {*made, "dvc.lock"}:
        base, ours, theirs = (show(f"{side}{path}") for side in (BASE, OURS, THEIRS))
        text = ours if ours is not None else theirs  # one is None where a side removed the file
        if path == "dvc.lock" and ours and theirs:
            text = merge_locks(base or "stages: {}", ours, theirs)
        Path(path).write_text(text or "", encoding="utf-8")
        git("add", "--", path)


def merge_locks(base: str, ours: str, theirs: str) -> str:
    """Take of each stage's entry theirs, where this branch did not change it, and else ours."""
    yaml = YAML()
    before, lock, other = (yaml.load(text) for text in (base, ours, theirs))
    for stage, entry in other["stages"].items():
        if lock["stages"].get(stage) == before["stages"].get(stage):
            lock["stages"][stage] = entry
    text = io.StringIO()
    yaml.dump(lock, text)
    return text.getvalue()


def make_results() -> None:
    """Run what is not up to date; what a colleague has run comes from the remote, if there is one.

    Raises:
        UserError: when a stage fails.
    """
    remote = subprocess.run(["dvc", "config", "core.remote"], text=True, capture_output=True).stdout.strip()
    command = ["dvc", "repro", *(["--pull"] if remote else [])]
    if subprocess.run(command).returncode:
        raise UserError(f"`{' '.join(command)}` failed, see above; mend it and go on with `make merge`")


def outputs_in_git() -> list[str]:
    """Return the metrics and plot tables that dvc.yaml leaves to Git."""
    stages = YAML(typ="safe").load(Path("dvc.yaml"))["stages"].values()
    items = [item for stage in stages for kind in ("metrics", "plots") for item in stage.get(kind, [])]
    return [path for item in items if isinstance(item, dict) for path, options in item.items() if not options["cache"]]


def conflicts() -> list[str]:
    return git("diff", "--name-only", "--diff-filter=U").splitlines()


def exists(path: str) -> bool:
    return Path(path).exists()


def show(version: str) -> str | None:
    """Return a version of a file, or None where it has none."""
    done = subprocess.run(["git", "show", version], text=True, encoding="utf-8", capture_output=True)
    return None if done.returncode else done.stdout


def git(*arguments: str) -> str:
    """Run Git and return what it prints.

    Raises:
        UserError: with Git's own words, when it fails.
    """
    done = subprocess.run(["git", *arguments], text=True, encoding="utf-8", capture_output=True)
    if done.returncode:
        raise UserError(f"git {arguments[0]}: {done.stderr.strip()}")
    return done.stdout.rstrip("\n")


if __name__ == "__main__":
    run(main)
