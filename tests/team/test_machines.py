"""Training on several machines, which are processes of this one, gives what one process gives, kills included."""

import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from people import let_make_run
from ruamel.yaml import YAML
from safetensors.numpy import load_file
from tiny import REPOSITORY, Clone, edit_params

ADAPTER = "models/adapter/adapter_model.safetensors"
EXAMPLES = REPOSITORY / "examples"
TRAIN = [sys.executable, "-m", "stages.train_lora"]
# stand-ins for Slurm's own: one machine under two names, and a task for each
SCONTROL = "#!/bin/sh\necho 127.0.0.1\n"
SRUN = """#!/bin/bash
shift # --kill-on-bad-exit
SLURM_PROCID=1 "$@" & other=$!
SLURM_PROCID=0 "$@" || { kill $other; exit 1; }
wait $other
"""


@pytest.fixture
def ready(clone: Clone) -> Clone:
    """A clone in which training draws no dropout, which each process would draw for itself."""
    edit_params(clone.folder, **{"lora.dropout": 0.0, "train.batch_size": 15, "export.onnx": False})
    return clone


def trained(clone: Clone) -> dict[str, np.ndarray]:
    return load_file(clone.folder / ADAPTER)


def assert_same(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> None:
    assert one.keys() == other.keys()
    for name in one:
        assert abs(one[name] - other[name]).max() < 1e-4, name


@pytest.mark.nightly
def test_two_nodes_under_slurm_give_the_adapter_of_one_process(
    ready: Clone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready.run(*TRAIN)
    expected = trained(ready)
    let_make_run(ready)
    (ready.folder / ".venv/bin/activate").touch()
    shutil.copytree(EXAMPLES, ready.folder / "examples")
    for name, text in {"srun": SRUN, "scontrol": SCONTROL}.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    script = ready.folder / "examples/slurm.sbatch"
    script.write_text(script.read_text().replace(":29500", f":{port}"))
    slurm = {"SLURM_JOB_NODELIST": "node[0-1]", "SLURM_JOB_NUM_NODES": "2", "SLURM_JOB_ID": "7"}
    path = f"{tmp_path}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**os.environ, **slurm, "PATH": path, "OMP_NUM_THREADS": "1"}

    def submit() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", script], cwd=ready.folder, env=environment, text=True, capture_output=True, timeout=900
        )

    refused = submit()
    assert refused.returncode == 1
    assert "error: train on several machines with `launcher: torchrun`" in refused.stderr
    edit_params(ready.folder, **{"train.launcher": "torchrun"})
    done = submit()
    assert done.returncode == 0, done.stdout + done.stderr
    assert_same(expected, trained(ready))
    assert "up to date" in ready.run("dvc", "status")


@pytest.mark.nightly
def test_a_killed_process_under_torchrun_is_gone_on_from(
    ready: Clone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready.run(*TRAIN)
    expected = trained(ready)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    edit_params(ready.folder, **{"train.launcher": "torchrun --nproc-per-node 2"})
    running = subprocess.Popen(TRAIN, cwd=ready.folder, stderr=subprocess.PIPE, text=True)
    end = time.monotonic() + 300
    while not list((tmp_path / "cache").glob("lora-text-classifier/checkpoints/*/checkpoint-*/sha256.json")):
        assert running.poll() is None, running.communicate()
        assert time.monotonic() < end
        time.sleep(0.01)
    workers = psutil.Process(running.pid).children(recursive=True)
    next(worker for worker in workers if worker.environ().get("RANK") == "1").kill()
    _, errors = running.communicate(timeout=300)
    assert running.returncode == 1
    assert "error: train.launcher: `torchrun" in errors.splitlines()[-1]
    assert "going on from" in ready.run(*TRAIN)
    assert_same(expected, trained(ready))


def test_the_examples_are_sound() -> None:
    shellcheck = shutil.which("shellcheck", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if not shellcheck:
        pytest.skip("needs shellcheck: make tools")
    scripts = [EXAMPLES / "node.sh", EXAMPLES / "slurm.sbatch"]
    assert subprocess.run([shellcheck, *scripts], text=True, stdout=subprocess.PIPE).stdout == ""


def test_the_kubernetes_example_is_as_its_schema_says() -> None:
    kubernetes_validate = pytest.importorskip("kubernetes_validate", reason="needs the schemas: make tools")
    service, job = YAML(typ="safe").load_all(EXAMPLES / "kubernetes.yaml")
    for document in (service, job):
        kubernetes_validate.validate(document, "1.30", strict=True)
    pod = job["spec"]["template"]["spec"]
    environment = {entry["name"]: entry["value"] for entry in pod["containers"][0]["env"]}
    assert environment["PET_NNODES"] == str(job["spec"]["completions"])
    assert environment["PET_RDZV_ENDPOINT"].startswith(f"{job['metadata']['name']}-0.{pod['subdomain']}:")
    assert pod["subdomain"] == service["metadata"]["name"]
    assert environment["PET_RDZV_ENDPOINT"].endswith(f":{service['spec']['ports'][0]['port']}")
    mounted = {mount["name"] for mount in pod["containers"][0]["volumeMounts"]}
    assert mounted == {volume["name"] for volume in pod["volumes"]}
