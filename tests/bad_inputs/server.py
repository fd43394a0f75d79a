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

LIBRARIES = [  # that prepare-data loads, and those that the other stages and predict load beside them
    *("numpy", "pandas", "pyarrow.parquet", "scipy.sparse.csgraph", "sklearn.feature_extraction.text", "pydantic.main"),
    *("ruamel.yaml", "filelock", "psutil", "python_calamine", "charset_normalizer"),
]
MORE = [
    *("sklearn.linear_model", "sklearn.pipeline", "torch", "transformers.trainer", "peft", "datasets", "evaluate"),
    *("transformers.models.bert.modeling_bert", "safetensors.numpy", "onnxruntime", "tokenizers", "onnx", "onnx_ir"),
    *("statsmodels.stats.proportion",),
]


def serve() -> None:
    answers = os.fdopen(os.dup(1), "w")  # standard output itself is the commands'
    for line in sys.stdin:
        request = json.loads(line)
        for name in LIBRARIES if request["arguments"][0] == "stages.prepare_data" else [*LIBRARIES, *MORE]:
            importlib.import_module(name)
        print(json.dumps(run(request)), file=answers, flush=True)


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
            run_main(request["arguments"][0])
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
    finally:
        sys.stderr.flush()
        os._exit(status)


def run_main(module: str) -> None:
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except Exception:  # what Python itself does with it
        sys.excepthook(*sys.exc_info())
        raise SystemExit(1) from None


def limit(request: dict[str, Any]) -> None:
    if request["file_size"] is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (request["file_size"],) * 2)
    if request["address_space"] is not None:
        with open("/proc/self/statm") as sizes:  # noqa: PTH123
            mapped = int(sizes.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (mapped + request["address_space"],) * 2)


if __name__ == "__main__":
    serve()
