"""The stages of the pipeline. This file runs before a stage loads any library.

Threads of GNU OpenMP (torch, scikit-learn) that wait for work spin, by default for so long that two trainings on the
same cores hardly move. GOMP_SPINCOUNT, which the library reads once when it is loaded, makes them sleep soon.

ONNX Runtime sends usage data unless it is told not to before it is loaded.
"""

import os

if "OMP_WAIT_POLICY" not in os.environ:  # the user's own choice, which GOMP_SPINCOUNT would overrule
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
