"""The stages of the pipeline. This file runs before a stage loads any library.

Threads of GNU OpenMP (torch, scikit-learn) that wait for work spin, by default for so long that two trainings on the
same cores hardly move. GOMP_SPINCOUNT, which the library reads once when it is loaded, makes them sleep soon.

ONNX Runtime sends usage data unless it is told not to before it is loaded.
"""

import os
import sys

if sys.version_info < (3, 11):  # noqa: UP036 (it says so)
    sys.exit("error: Python 3.11 or newer is needed; however: " + sys.version.split()[0])
if "OMP_WAIT_POLICY" not in os.environ:  # the user's own choice, which GOMP_SPINCOUNT would overrule
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
if sys.argv[:1] == ["-m"]:  # Python is about to run a stage: `python -m stages.…`
    from stages.common.errors import hook

    sys.excepthook = hook  # from here on, and not only from `run_stage` on: loading libraries takes seconds
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")  # where a terminal has only ASCII
