"""Print what bench.train measured, against the rate at which this machine multiplies matrices."""

import statistics
import time

import torch


def matrix_rate(dtype: torch.dtype, size: int = 2048, repeats: int = 10) -> float:
    """Return the rate at which this machine multiplies matrices, in GFLOPS."""
    left, right = torch.randn(size, size, dtype=dtype), torch.randn(size, size, dtype=dtype)
    left @ right
    started = time.perf_counter()
    for _ in range(repeats):
        left @ right
    return 2 * size**3 * repeats / (time.perf_counter() - started) / 1e9


def report(
    runs: dict[str, list[dict]], operations: dict[str, float], dtypes: dict[str, torch.dtype], reach: float
) -> None:
    """Print the table; the matrix rate is that of the number format that each variant computes in."""
    rates = {dtype: matrix_rate(dtype) for dtype in dict.fromkeys(dtypes.values())}
    measured = ", ".join(f"{str(dtype).removeprefix('torch.')} {rate:.0f} GFLOPS" for dtype, rate in rates.items())
    print(f"matrices: {measured} on {torch.get_num_threads()} threads; {len(runs['plain'])} rounds, medians")
    print(
        f"{'':8}{'texts/s':>9}{'of plain':>10}{'seconds':>9}{'first step':>12}{'GiB':>6}{'of the matrix rate':>20}"
        f"{f's to {reach:g}':>10}   accuracy at the end"
    )
    for variant, results in runs.items():
        ratios = [plain["seconds"] / result["seconds"] for plain, result in zip(runs["plain"], results, strict=True)]
        columns = ("rows_per_second", "seconds", "first_step", "memory")
        median = {name: statistics.median(result[name] for result in results) for name in columns}
        reached = [seconds_to(reach, result["evaluations"]) for result in results]
        of_rate = operations[variant] / median["seconds"] / 1e9 / rates[dtypes[variant]]
        accuracies = ", ".join(f"{result['evaluations'][-1][1]:.4f}" for result in results)
        print(
            f"{variant:8}{median['rows_per_second']:9.1f}{statistics.median(ratios):9.1f}x{median['seconds']:9.0f}"
            f"{median['first_step']:12.1f}{median['memory']:6.2f}{of_rate:20.0%}{statistics.median(reached):10.0f}"
            f"   {accuracies}"
        )


def seconds_to(accuracy: float, evaluations: list[tuple[float, float]]) -> float:
    """Return the seconds of the first evaluation that is as accurate, infinity where none is."""
    return next((seconds for seconds, found in evaluations if found >= accuracy), float("inf"))
