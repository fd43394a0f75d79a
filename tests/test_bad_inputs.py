"""Every bad input of the table gets its lines, and leaves everything as it was."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest
from bad_inputs import Case, areas
from bad_inputs.__main__ import page
from bad_inputs.runs import Server, broken, changes, run_fresh, tree
from tiny import REPOSITORY, Clone

ALL = [case for _, cases in areas().values() for case in cases]
SAMPLE = ALL[::12]  # also run as users run them
SHARES = 4  # of the table: each commit runs the next one in `make test`, and `make nightly` runs all


def parameters(cases: list[Case]) -> list:
    count = subprocess.run(["git", "rev-list", "--count", "HEAD"], cwd=REPOSITORY, check=True, stdout=subprocess.PIPE)
    share = int(count.stdout) % SHARES
    later = [case.nightly or number % SHARES != share for number, case in enumerate(cases)]
    marks = [[pytest.mark.nightly] if late else [] for late in later]
    return [pytest.param(case, id=case.name, marks=mark) for case, mark in zip(cases, marks, strict=True)]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    started = Server()
    yield started
    started.close()


@pytest.fixture(scope="module")
def workplace(reproduced: Clone, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the reproduced clone, to break and to mend again and again."""
    folder = tmp_path_factory.mktemp("bad_inputs") / "clone"
    shutil.copytree(reproduced.folder, folder, symlinks=True)
    return folder


@pytest.mark.parametrize("case", parameters(ALL))
def test_a_bad_input_gets_its_lines_and_changes_nothing(
    case: Case, workplace: Path, reproduced: Clone, request: pytest.FixtureRequest
) -> None:
    fresh = case.fresh or case.command.startswith("dvc")
    run = run_fresh if fresh else request.getfixturevalue("server").run
    with broken(case, workplace, reproduced.folder) as (_, before):
        status, output = run(case, workplace)
        check(case, status, output)
        if not case.command.startswith("dvc"):  # which removes a stage's outputs before it runs the stage
            changed = [path for path in changes(before, tree(workplace)) if not allowed(path, case)]
            assert changed == []


@pytest.mark.parametrize("case", parameters([case for case in SAMPLE if case.address_space is case.file_size is None]))
@pytest.mark.nightly
def test_it_is_the_same_without_the_server(case: Case, workplace: Path, reproduced: Clone) -> None:
    with broken(case, workplace, reproduced.folder):
        check(case, *run_fresh(case, workplace))


def check(case: Case, status: int | None, output: str) -> None:
    assert status is not None, f"still running after {case.seconds} seconds:\n{output}"
    assert "Traceback" not in output, output
    assert status == case.status, output
    printed = [line.strip() for line in re.split(r"[\r\n]+", output) if line.strip()]
    start = next((number for number, line in enumerate(printed) if "error: " in line), len(printed))
    said = printed[start:]
    if case.command.startswith("dvc"):
        said = [line for line in said if not line.startswith("ERROR: failed to reproduce")]
    if said and said[0].endswith(":"):  # introduces a list
        del said[0]
    fits = len(said) == len(case.lines) and all(map(matches, said, case.lines))
    assert fits, "\n".join(["expected after `error:`:", *case.lines, "but found:", *said, "of:", output])


def matches(line: str, pattern: str) -> bool:
    pieces = [re.escape(piece) for piece in pattern.split("…")]
    return bool(re.fullmatch(r".*error: " + ".*".join(pieces) + "|" + ".*".join(pieces), line))


def allowed(path: str, case: Case) -> bool:
    return any(fnmatch(path, pattern) for pattern in case.leaves)


def test_after_a_bad_input_is_undone_nothing_has_to_run(workplace: Path, reproduced: Clone) -> None:
    """DVC removes the outputs of a stage before it runs it: it must find them in its cache again."""
    case = next(case for case in ALL if case.command.startswith("dvc"))
    with broken(case, workplace, reproduced.folder) as (good, before):
        check(case, *run_fresh(case, workplace))
        for name in changes(good, before):
            shutil.copy2(reproduced.folder / name, workplace / name)
        assert "Running stage" not in Clone(workplace).run("dvc", "repro")


def test_every_case_has_its_own_name() -> None:
    assert len({case.name for case in ALL}) == len(ALL)


def test_the_page_is_that_of_the_table() -> None:
    assert (REPOSITORY / "docs/bad_inputs.md").read_text(encoding="utf-8") == page()
