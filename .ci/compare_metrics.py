"""Compare the metrics that the pipeline has just made with the committed ones; exit with status 1 where they differ.

Counts must be equal. What training decides must be equal on the processor that made the committed figures, and may
differ by TOLERANCE on another, where floating-point sums are taken in another order.
"""

import json
import subprocess
import sys

TOLERANCE = 0.02
EXACT = ("metrics/data.json", "metrics/tokenize.json")
NOT_COMPARED = (  # another epoch can win by a hair, and one row decides what is counted in few
    "best_epoch",
    "optimizer_steps",
    "temperature",
    "behaviour.",
    "label_errors.",
    "slices.",
)


def main() -> None:
    command = ["dvc", "metrics", "diff", "--json", "HEAD"]
    found = json.loads(subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE).stdout)
    changes = [
        (path, name, change)
        for path, metrics in found.items()
        for name, change in metrics.items()
        if not name.startswith(NOT_COMPARED)
    ]
    bad = [
        f"{path} {name}: {change['old']} is committed, {change['new']} came out"
        for path, name, change in changes
        if path in EXACT or change.get("diff") is None or abs(change["diff"]) > TOLERANCE
    ]
    if bad:
        sys.exit("\n".join(bad))
    largest = max((abs(change["diff"]) for _, _, change in changes), default=0)
    print(f"metrics agree with the committed ones; the largest difference is {largest:g}")


if __name__ == "__main__":
    main()
