"""Copy the metrics and plot tables into an output that DVC keeps in its cache.

Metrics are plain files in Git, so `dvc push` leaves them out. With this copy it sends them too, and a colleague who
repeats a finished experiment (`dvc exp run --pull`) gets all of it from the remote: no stage runs.

Run: python -m stages.keep_metrics
"""

import shutil

from stages.common.errors import run_stage
from stages.common.outputs import whole_output
from stages.common.paths import stage_paths


def main() -> None:
    """Leave a copy of each file of metrics/ in data/metrics."""
    paths = stage_paths("keep-metrics")
    with whole_output(paths["kept_metrics"]) as folder:
        shutil.copytree(paths["metrics"], folder)


if __name__ == "__main__":
    run_stage(main, "keep-metrics")
