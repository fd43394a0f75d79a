"""Tell the C library when to keep memory that is freed, and when to give it back.

It gives large blocks back to the system at once, and new ones come as pages that have to be cleared first: a tenth of
the time of a forward pass. What it keeps, though, batches of all lengths in any order fill with holes that only grow.
Libraries other than glibc, which lack these functions, are left as they are.
"""

import ctypes

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # from glibc's malloc.h


def keep_freed_memory() -> None:
    """Keep the memory of freed tensors for the next ones."""
    for option in (M_MMAP_THRESHOLD, M_TRIM_THRESHOLD):
        call("mallopt", option, 1 << 30)


def give_back_freed_memory() -> None:
    """Return the memory that is free now to the system."""
    call("malloc_trim", 0)


def call(name: str, *arguments: int) -> None:
    function = getattr(ctypes.CDLL(None), name, None)
    if function is not None:
        function(*arguments)
