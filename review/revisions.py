"""What the repository holds at a commit or in the workspace: files in Git, and outputs that DVC keeps."""

import json
import shutil
import subprocess
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from pathspec import GitIgnoreSpec
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from review.dvc_files import copy_file, hash_on_disk, open_files
from review.errors import CannotJudge, Unavailable

WORKSPACE = "workspace"
MAIN = ("main", "origin/main", "master", "origin/master")  # where a branch is taken to have left from


def git(*arguments: str, check: bool = True) -> str:
    """Run git here and return what it prints; none where it fails and `check` is off."""
    done = subprocess.run(["git", *arguments], capture_output=True, encoding="utf-8", errors="replace")
    if done.returncode and check:
        raise CannotJudge(f"git {arguments[0]} failed: {' '.join(done.stderr.split())}")
    return "" if done.returncode else done.stdout


class Revision:
    """A commit, or the workspace where `commit` is None. Paths are relative to the repository's root, with slashes."""

    def __init__(self, name: str, commit: str | None) -> None:
        self.name, self.commit = name, commit
        self._parsed: dict[str, dict[str, Any]] = {}

    def __str__(self) -> str:
        return self.name if self.commit is None or self.commit.startswith(self.name) else f"{self.name} ({self.short})"

    @property
    def short(self) -> str:
        return self.commit[:7] if self.commit else WORKSPACE

    @cached_property
    def tracked(self) -> dict[str, str]:
        """Return the Git object of each file of the commit, by path."""
        assert self.commit
        lines = git("-c", "core.quotePath=false", "ls-tree", "-r", "-z", self.commit).split("\0")
        entries = (line.partition("\t") for line in lines if line)
        return {path: kind.split()[2] for kind, _, path in entries if kind.split()[1] == "blob"}

    @cached_property
    def _objects(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(["git", "cat-file", "--batch"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def close(self) -> None:
        """End the process that reads Git's objects, if one was started."""
        process = self.__dict__.pop("_objects", None)
        if process:
            process.communicate()

    def read(self, path: str) -> bytes | None:
        """Return a file's bytes: from Git, or from the folder that is open; None where it isn't there."""
        if self.commit is None:
            return Path(path).read_bytes() if Path(path).is_file() else None
        if path not in self.tracked:
            return None
        questions, answers = self._objects.stdin, self._objects.stdout
        assert questions
        assert answers
        questions.write(f"{self.tracked[path]}\n".encode())
        questions.flush()
        size = int(answers.readline().split()[2])
        return answers.read(size + 1)[:-1]

    def files(self, folder: str) -> list[str]:
        """Return the files below a folder that DVC looks at, by path."""
        if self.commit:
            found = [path for path in self.tracked if path.startswith(f"{folder}/")]
        else:
            found = [path.as_posix() for path in Path(folder).rglob("*") if path.is_file()]
        return list(self._ignored.match_files(found, negate=True))

    @cached_property
    def _ignored(self) -> GitIgnoreSpec:
        return GitIgnoreSpec.from_lines((self.text(".dvcignore") or "").splitlines())

    def text(self, path: str) -> str | None:
        content = self.read(path)
        return None if content is None else content.decode("utf-8", errors="replace")

    def yaml(self, path: str) -> dict[str, Any]:
        """Return a YAML file's content; nothing where it isn't there."""
        if path not in self._parsed:
            text = self.text(path)
            try:
                content = YAML(typ="safe").load(text) if text else {}
            except YAMLError as error:
                raise CannotJudge(f"{path} of {self} is not valid YAML: {' '.join(str(error).split())}") from error
            self._parsed[path] = content if isinstance(content, dict) else {}
        return self._parsed[path]

    @cached_property
    def _dvc_files(self) -> tuple[Any, str | None]:
        return open_files(self.commit)

    @cached_property
    def params(self) -> dict[str, Any]:
        return self.yaml("params.yaml")

    @cached_property
    def stages(self) -> dict[str, Any]:
        """Return the stages as dvc.yaml declares them."""
        return self.yaml("dvc.yaml").get("stages") or {}

    @cached_property
    def lock(self) -> dict[str, Any]:
        """Return the stages as dvc.lock says that they ran."""
        return self.yaml("dvc.lock").get("stages") or {}

    @cached_property
    def outputs(self) -> dict[str, str]:
        """Return the path of each output by its last part: `evaluate.json` is metrics/evaluate.json."""
        found = [
            path
            for stage in self.stages.values()
            for kind in ("outs", "metrics", "plots")
            for path in declared(stage.get(kind) or [])
        ]
        return {PurePosixPath(path).name: path for path in found}

    @cached_property
    def hashes(self) -> dict[str, str]:
        """Return the hash of each output that the lock names, by path."""
        return {out["path"]: out.get("md5", "") for stage in self.lock.values() for out in stage.get("outs") or []}

    def output_hash(self, name: str) -> str | None:
        """Return the hash of an output by its last part, as for `outputs`; None where the lock has none."""
        return self.hashes.get(self.outputs.get(name, ""))

    def metrics(self, name: str) -> dict[str, Any]:
        """Return a metrics file by its last part; nothing where it isn't there.

        Raises:
            CannotJudge: when it is no JSON.
        """
        path = self.outputs.get(name)
        text = self.text(path) if path else None
        try:
            return json.loads(text) if text else {}
        except ValueError as error:
            raise CannotJudge(f"{path} of {self} is not valid JSON: {error}") from error

    def fetch(self, output: str, file: str, folder: Path) -> Path:
        """Return a copy of one file of an output, made below `folder`: from here, DVC's cache or the remote.

        Raises:
            Unavailable: saying why it can't be had.
        """
        path = self.outputs.get(output, "")
        known = self.hashes.get(path)
        if known is None:
            raise Unavailable(f"{self} has no {output} in its dvc.lock")
        target = folder / self.short / output / file
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists():
            return target
        if hash_on_disk(Path(path)) == known and (Path(path) / file).exists():
            shutil.copy(Path(path) / file, target)
            return target
        if self.commit is None and Path(path).exists():
            raise Unavailable(f"{path} here is not the one that dvc.lock names: run `dvc checkout {path}`")
        try:
            copy_file(f"{path}/{file}", *self._dvc_files, target)
        except Unavailable as error:
            raise Unavailable(f"{path}/{file} of {self} {error}") from error
        return target


def declared(items: list) -> list[str]:
    """Return the paths of a list in dvc.yaml, where an item is `path` or `{path: options}`."""
    return [next(iter(item)) if isinstance(item, dict) else item for item in items]


def find_revision(name: str) -> Revision:
    """Return the revision of a branch, tag, commit or experiment.

    Raises:
        CannotJudge: when there is none, or two experiments have the name.
    """
    commit = git("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}", check=False).strip()
    if commit:
        return Revision(name, commit)
    found = {sha for experiment, sha in experiments().items() if experiment.rpartition("/")[2] == name}
    if len(found) == 1:
        return Revision(name, found.pop())
    if found:
        raise CannotJudge(
            f"{name} is the name of {len(found)} experiments: name the commit, as `dvc exp show` lists it"
        )
    shallow = git("rev-parse", "--is-shallow-repository", check=False).strip() == "true"
    remedy = (
        "this clone is shallow: run `git fetch --unshallow`" if shallow else "`git log` and `dvc exp show` list them"
    )
    raise CannotJudge(f"there is no revision {name!r}: {remedy}")


def experiments(parent: str = "") -> dict[str, str]:
    """Return the commit of each experiment of a commit, or of all, by DVC's name for it: PARENT/NAME."""
    place = f"refs/exps/{parent[:2]}/{parent[2:]}" if parent else "refs/exps"
    lines = git("for-each-ref", "--format=%(refname) %(objectname)", place).splitlines()
    refs = (line.removeprefix("refs/exps/").split(" ") for line in lines)
    # other folders there hold the queue, and branches of checkpoints
    return {name: commit for name, commit in refs if len(name.split("/")) == 3 and len(name.split("/")[0]) == 2}


def find_base(name: str | None, head: Revision) -> Revision:
    """Return what `head` is compared with: for a branch, the commit at which the head left it; else the revision.

    Raises:
        CannotJudge: when there is no such revision, or the clone is too shallow to know where the head left.
    """
    names = [name] if name else [branch for branch in MAIN if is_branch(branch)]
    if not names:
        raise CannotJudge(f"there is no branch {' or '.join(MAIN)} to compare with: name a revision with --base")
    if not is_branch(names[0]):
        return find_revision(names[0])
    base = git("merge-base", names[0], head.commit or "HEAD", check=False).strip()
    if base:
        return Revision(base[:7] if base != git("rev-parse", names[0]).strip() else names[0], base)
    shallow = git("rev-parse", "--is-shallow-repository").strip() == "true"
    remedy = "this clone is shallow, run `git fetch --unshallow`" if shallow else "name a commit with --base"
    raise CannotJudge(f"{names[0]} and {head} have no commit in common: {remedy}")


def is_branch(name: str) -> bool:
    return any(git("show-ref", "--verify", f"refs/{kind}/{name}", check=False) for kind in ("heads", "remotes"))


def check_place() -> None:
    """Raise CannotJudge unless this is the root of a Git repository with a pipeline and a commit."""
    top = git("rev-parse", "--show-toplevel", check=False).strip()
    if not top or Path(top).resolve() != Path.cwd().resolve() or not Path("dvc.yaml").exists():
        raise CannotJudge(f"{Path.cwd()} is not the root of a Git repository with a dvc.yaml: cd there first")
    if not git("rev-parse", "--verify", "--quiet", "HEAD", check=False):
        raise CannotJudge("there is no commit yet: commit first")
