"""What the workflow runs: its script on a real clone, and the comment against a real server on this machine."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from judged import Judged, flipped
from ruamel.yaml import YAML
from tiny import REPOSITORY, Clone

from review.comment import MARKER

WORKFLOW = REPOSITORY / ".github/workflows/review.yml"


def run_script(project: Clone, base: str) -> tuple[int, str, str]:
    """Run the workflow's script in a clone; return its status, what it printed, and the summary of the run."""
    summary = project.folder.parent / "summary.md"
    environment = {**os.environ, "BASE": base, "GITHUB_STEP_SUMMARY": str(summary), "OMP_NUM_THREADS": "1"}
    environment["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        [".github/review.sh"],
        cwd=project.folder,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    return done.returncode, done.stdout, summary.read_text(encoding="utf-8") if summary.exists() else ""


def test_a_gate_that_fails_fails_the_check_and_the_report_is_in_the_summary(
    project: Clone, change: Callable, base_judged: Judged
) -> None:
    change(flipped(base_judged, 40))
    status, said, summary = run_script(project, "main")
    assert (status, "accuracy is worse" in said) == (1, True), said
    assert summary.startswith(MARKER)
    assert "40 rows were right and are wrong" in summary


def test_what_can_not_be_judged_for_want_of_a_remote_is_a_warning(
    project: Clone, change: Callable, base_judged: Judged, tmp_path: Path
) -> None:
    gate = project.folder / "review/gate.yaml"
    gate.write_text(gate.read_text().replace("  largest_ece: 0.05", "  largest_ece: null"))
    change(flipped(base_judged, 2, 3))
    fresh = Clone(tmp_path / "fresh")
    project.run("git", "clone", "--quiet", str(project.folder), str(fresh.folder))
    status, said, summary = run_script(fresh, "origin/main")
    assert (status, "::warning::The review can't judge every rule" in said) == (0, True), said
    assert "The models were not compared row by row" in summary


def test_a_commit_that_is_not_there_fails_the_check(project: Clone) -> None:
    status, said, summary = run_script(project, "0" * 40)
    assert (status, "::error::" in said, summary) == (2, True, "")


class GitHub(BaseHTTPRequestHandler):
    """The three requests of the comment, on a list."""

    comments: list[dict[str, Any]]

    def do_GET(self) -> None:
        page = int(self.path.rpartition("page=")[2])
        self.answer(self.comments[100 * (page - 1) : 100 * page])

    def do_POST(self) -> None:
        self.comments.append({"id": len(self.comments), "user": {"type": "Bot"}, **self.content()})
        self.answer(self.comments[-1])

    def do_PATCH(self) -> None:
        self.comments[int(self.path.rpartition("/")[2])] |= self.content()
        self.answer({})

    def content(self) -> dict[str, Any]:
        assert self.headers["Authorization"] == "Bearer secret"
        return json.loads(self.rfile.read(int(self.headers["Content-Length"])))

    def answer(self, content: Any) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(content).encode())

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[HTTPServer]:
    GitHub.comments = [{"id": place, "body": "looks good", "user": {"type": "User"}} for place in range(120)]
    GitHub.comments[3]["body"] = f"{MARKER} written by a person"
    with HTTPServer(("127.0.0.1", 0), GitHub) as found:
        threading.Thread(target=found.serve_forever, daemon=True).start()
        yield found
        found.shutdown()


def test_a_report_is_one_comment_that_is_updated(server: HTTPServer, tmp_path: Path) -> None:
    environment = {"GITHUB_API_URL": f"http://127.0.0.1:{server.server_port}", "GITHUB_REPOSITORY": "owner/name"}
    environment |= {"GITHUB_TOKEN": "secret", "PULL_REQUEST": "7", "PATH": os.environ["PATH"]}
    for text in ("first", "second"):
        (tmp_path / "review.md").write_text(f"{MARKER}\n{text} é")
        command = [sys.executable, "-m", "review.comment", str(tmp_path / "review.md")]
        subprocess.run(command, cwd=REPOSITORY, env=environment, check=True)
    assert len(GitHub.comments) == 121
    assert GitHub.comments[-1]["body"] == f"{MARKER}\nsecond é"
    assert GitHub.comments[3]["body"].endswith("written by a person")
    done = subprocess.run(
        [sys.executable, "-m", "review.comment"], cwd=REPOSITORY, env=environment, text=True, capture_output=True
    )
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)


def test_no_job_has_both_a_branch_s_code_and_a_token_that_writes() -> None:
    workflow = YAML(typ="safe").load(WORKFLOW)
    assert list(workflow["on"]) == ["pull_request"]
    for name, job in workflow["jobs"].items():
        writes = "write" in job["permissions"].values()
        refs = [step["with"].get("ref", "") for step in job["steps"] if "checkout" in step.get("uses", "")]
        assert all(("base.sha" in ref) == writes for ref in refs), name
        assert "secrets." not in json.dumps(job) or not writes
