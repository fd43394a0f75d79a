"""Run Python modules as `python -m` does, in forks of a process that has the libraries loaded already.

Run by tests/bad_inputs/runs.py. Each line of its standard input is a request, a JSON object, and each line of its
standard output the answer to one, until its input ends.
"""

import contextlib
import importlib
import json
import os
import resource
import runpy
import signal
import sys
import tempfile
import time
from typing import Any

LIBRARIES = [
    *("numpy", "pandas", "pyarrow.parquet", "scipy.sparse.csgraph", "sklearn.linear_model", "sklearn.pipeline"),
    *("sklearn.feature_extraction.text", "torch", "transformers", "transformers.models.bert.modeling_bert", "peft"),
    *("datasets", "safetensors.numpy", "pydantic", "ruamel.yaml", "onnxruntime", "tokenizers", "filelock", "psutil"),
]


def serve() -> None:
    for name in LIBRARIES:
        importlib.import_module(name)
    answers = os.fdopen(os.dup(1), "w")  # standard output itself is the commands'
    for line in sys.stdin:
        print(json.dumps(run(json.loads(line))), file=answers, flush=True)


def run(request: dict[str, Any]) -> dict[str, Any]:
    """Return the exit status of a command, null when it had to be stopped, and what it printed."""
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as stdin:
        stdin.write(bytes.fromhex(request["stdin"]))
        stdin.seek(0)
        child = os.fork()
        if child == 0:
            become(request, stdin.fileno(), output.fileno())
        status = wait(child, request["seconds"])
        output.seek(0)
        return {"status": status, "output": output.read().decode(errors="replace")}


def wait(child: int, seconds: float) -> int | None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def become(request: dict[str, Any], stdin: int, output: int) -> None:
    """Turn this process into the command, and end with its exit status."""
    status = 1
    try:
        os.setsid()
        for number, file in enumerate((stdin, output, output)):
            os.dup2(file, number)
        os.chdir(request["folder"])
        os.environ.update(request["environment"])
        sys.path[0] = os.getcwd()  # noqa: PTH109 (as `python -m` does)
        sys.argv = ["-m", *request["arguments"][1:]]
        limit(request)
        with contextlib.redirect_stdout(open(1, "w", closefd=False)):
            runpy.run_module(request["arguments"][0], run_name="__main__", alter_sys=True)
            status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
    except BaseException:  # what Python itself does with it
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stderr.flush()
        os._exit(status)


def limit(request: dict[str, Any]) -> None:
    if request["file_size"] is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (request["file_size"],) * 2)
    if request["address_space"] is not None:
        with open("/proc/self/statm") as sizes:  # noqa: PTH123
            mapped = int(sizes.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (mapped + request["address_space"],) * 2)


if __name__ == "__main__":
    serve()
