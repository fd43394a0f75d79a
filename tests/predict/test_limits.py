"""Memory and machine limits."""

from pathlib import Path

from exported import (
    Runner,
    peak_memory,
    write_long,
)


def test_memory_does_not_grow_with_the_rows(predict: Runner, tmp_path: Path) -> None:
    sizes = {4_000: 0, 24_000: 0}
    for rows in sizes:
        source = write_long(tmp_path / f"{rows}.csv", rows, filler=0)
        sizes[rows] = peak_memory(predict.start("--input", source, "--output", tmp_path / "out.csv"))
    assert sizes[24_000] < sizes[4_000] * 1.1
