"""The export reaches the Hub as it is, or a line says why not."""

import shutil
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from exported import write_sealed
from hub import TOKEN, Hub, running_hub
from people import follow, let_make_run, tutorial
from tiny import REPOSITORY, Clone

from predict.manifest import FORMAT, file_sha256

FILES = {"README.md": "---\ntags: [lora]\n---\nA card.\n", "config.json": "{}", "model.safetensors": "w" * 2000}
FILES |= {"onnx/model_int8.onnx": "o" * 1000, "predict/__main__.py": "print()"}


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with running_hub() as hub:
        settings = {"HF_ENDPOINT": hub.address, "HF_TOKEN": TOKEN, "HF_HUB_OFFLINE": "0", "HF_HUB_DISABLE_XET": "1"}
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        yield hub


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Clone:
    """A project whose export is small, with a file beside it that is not the export's."""
    clone = Clone(tmp_path / "project")
    export = clone.folder / "models/export"
    for name, text in FILES.items():
        (export / name).parent.mkdir(parents=True, exist_ok=True)
        (export / name).write_text(text)
    checksums = {name: {"sha256": file_sha256(export / name)} for name in FILES}
    write_sealed(export, {"format": FORMAT, "files": checksums})
    (export / "notes.txt").write_text("mine")
    for name in ("dvc.yaml", "Makefile"):
        shutil.copy(REPOSITORY / name, clone.folder)
    clone.run("git", "init", "--quiet")
    let_make_run(clone)
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))  # where sharing.publish is
    return clone


def sent(project: Clone) -> dict[str, bytes]:
    return {name: (project.folder / "models/export" / name).read_bytes() for name in [*FILES, "manifest.json"]}


def publish(project: Clone, *arguments: str, status: int = 0) -> str:
    return project.run("python", "-m", "sharing.publish", *arguments, status=status)


def test_the_tutorial(project: Clone, hub: Hub) -> None:
    look, send, gate = tutorial("Publish on the Hub", {"OWNER/NAME": "ann/reviews"})[0].splitlines()
    listed = follow(project, look)
    assert "0.002 MB  model.safetensors" in listed
    assert "in 6 files" in listed
    assert "not part of the export, and not sent: notes.txt" in listed
    assert hub.files == {}
    assert f"published: {hub.address}/ann/reviews" in follow(project, send)
    assert hub.files["ann/reviews"] == sent(project)
    assert hub.messages[0].startswith("Export of ")
    follow(project, gate)
    assert hub.settings["ann/reviews"]["gated"] == "manual"


def test_a_private_repository_holds_the_export_and_no_more(project: Clone, hub: Hub) -> None:
    publish(project, "ann/reviews", "--private")
    assert hub.settings["ann/reviews"]["visibility"] == "private"
    hub.files["ann/reviews"] |= {"old.onnx": b"old", ".gitattributes": b"*.onnx"}
    publish(project, "ann/reviews", "--private")
    assert hub.files["ann/reviews"] == {**sent(project), ".gitattributes": b"*.onnx"}


@pytest.mark.parametrize(
    ("setting", "line"),
    [
        ({"HF_TOKEN": "wrong"}, "error: the Hub refuses ann/reviews: Invalid username or password"),
        ({"HF_TOKEN": "", "HF_HOME": "/nowhere"}, "error: publishing needs a token of the Hub: `hf auth login`"),
        ({"HF_HUB_OFFLINE": "1"}, "error: HF_HUB_OFFLINE is set: unset it to publish"),
        ({"HF_ENDPOINT": "http://127.0.0.1:9"}, "error: http://127.0.0.1:9 does not answer: publish again"),
    ],
)
def test_what_stands_in_the_way_is_one_line(
    project: Clone, hub: Hub, monkeypatch: pytest.MonkeyPatch, setting: dict[str, str], line: str
) -> None:
    for name, value in setting.items():
        monkeypatch.setenv(name, value)
    output = publish(project, "ann/reviews", status=1)
    assert output.splitlines()[-1].startswith(line)
    assert "Traceback" not in output
    assert not any(hub.files.values())


def test_a_hub_that_never_answers_is_given_up(project: Clone, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        start = time.monotonic()
        assert "does not answer" in publish(project, "ann/reviews", status=1)
        assert time.monotonic() - start < 10 + 10  # and as much for starting Python on a busy machine


def test_an_export_that_is_not_whole_and_a_name_that_is_none(project: Clone) -> None:
    (project.folder / "models/export/config.json").write_text("changed")
    assert "error: models/export/config.json is missing or not as it was exported" in publish(
        project, "ann/reviews", "--dry-run", status=1
    )
    assert "error: 'a/b/c' is no name of a Hub repository" in publish(project, "a/b/c", status=1)
    (project.folder / "models/export/manifest.json").write_text("{")
    assert "error: models/export/manifest.json is not a manifest: `dvc checkout --force models/export`" in publish(
        project, "ann/reviews", status=1
    )
    shutil.rmtree(project.folder / "models/export")
    assert "error: models/export is not there: `dvc repro` makes it" in publish(project, "ann/reviews", status=1)
