"""Tell the C library when to keep freed memory and when to give it back, and say how much a process took.

glibc gives large freed blocks back to the system at once. New ones then come as pages that must be cleared first, which
takes a tenth of a forward pass. When it keeps them, though, and batches come in all lengths, freed memory gets
fragmented and the process keeps growing. Other C libraries lack these functions: there, nothing is changed.
"""

import ctypes
import sys

import psutil

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # from glibc's malloc.h


def keep_freed_memory() -> None:
    """Keep the memory of freed tensors for the next ones."""
    for option in (M_MMAP_THRESHOLD, M_TRIM_THRESHOLD):
        _call_c_library("mallopt", option, 1 << 30)


def give_back_freed_memory() -> None:
    """Return the memory that is free now to the system."""
    _call_c_library("malloc_trim", 0)


def peak_memory_gib() -> float:
    """Return the most memory that this process has held at once, in GiB."""
    if sys.platform == "win32":
        return psutil.Process().memory_info().peak_wset / 2**30
    import resource

    unit = 1 if sys.platform == "darwin" else 1024  # bytes of ru_maxrss
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**30


def _call_c_library(name: str, *arguments: int) -> None:
    if sys.platform == "linux":
        function = getattr(ctypes.CDLL(None), name, None)
        if function is not None:
            function(*arguments)
