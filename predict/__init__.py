"""Classify texts with an exported model; this folder goes with it."""

import os
import sys

if sys.version_info < (3, 11):  # noqa: UP036 - the folder travels to machines that have others
    sys.exit("error: predict needs Python 3.11 or newer, and this is {}.{}".format(*sys.version_info[:2]))

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # ONNX Runtime's, on by default; read when it is imported
