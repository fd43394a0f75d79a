"""One line and exit status 1 for what the user or the machine is short of; a traceback only for a fault of ours."""

import errno
import os
import re
import shutil
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterable, Iterator
from difflib import get_close_matches
from pathlib import Path
from types import TracebackType

from tqdm import tqdm

from stages.common.parent import end_with_parent
from stages.common.unfit import unfit_input

NO_ROOM = re.compile(  # as the operating system says it, or through Rust (safetensors), or torch.save and numpy
    r"No space left on device|File too large|[Qq]uota exceeded|os error (28|27|122)\b|PytorchStreamWriter failed|"
    r"file write failed|\d+ requested and \d+ written"
)
NO_MEMORY = re.compile(
    r"[Cc]annot allocate memory|can't allocate memory|[Nn]ot enough memory|bad_alloc|[Oo]ut of memory|"
    r"[Uu]nable to allocate|[Ff]ailed to allocate|can't start new thread|[Ff]ailed to launch worker thread|"
    r"failed to map segment"
)
ROOM, MEMORY = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT), (errno.ENOMEM,)
MACHINE = (
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.EIO,
    errno.EMFILE,
    errno.ENFILE,
    errno.EPIPE,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.EEXIST,
    errno.ELOOP,
    errno.ENAMETOOLONG,
)  # no fault of ours either
LOW_BYTES = 100e6  # of free space: so little that a message names the disk
INTERRUPTED = 130  # exit status, as shells have it


class UserError(Exception):
    """Something that the person who runs the pipeline can mend: the rule, what was found, what to do."""


class MissingInput(UserError):
    """A file that an earlier stage makes, or that the user names, is not there."""


def did_you_mean(name: str, names: Iterable[object]) -> str:
    """Return " (did you mean …?)" with the one of the names that a wrong one resembles, if one does."""
    close = get_close_matches(name, map(str, names), n=1)
    return f" (did you mean {close[0]}?)" if close else ""


def run_stage(main: Callable[[], None], stage: str) -> None:
    """Run a stage's `main`; give what the user can mend one line, and exit with status 1 (130 for Ctrl-C)."""
    end_with_parent()
    warnings.simplefilter("ignore", FutureWarning)  # libraries' notes to one another
    tqdm.monitor_interval = 0  # a thread of its own: if there is no memory for it, Python waits for it for ever
    if len(sys.argv) > 1:
        sys.exit(f"error: a stage takes no arguments, but what params.yaml says; however: {' '.join(sys.argv[1:])}")
    run(main, inputs_of=stage)


def run(main: Callable[[], None], inputs_of: str | None = None) -> None:
    """Run the `main` of a stage or another program; what its user can mend is one line and exit status 1.

    Args:
        inputs_of: the stage whose inputs it reads, which may be damaged.
    """
    try:
        main()
    except BaseException as error:
        end(error)
        if inputs_of and isinstance(error, Exception) and (line := unfit_input(inputs_of, error)):
            end(UserError(line))
        raise


def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """End as `run_stage` does when a library fails to load, in place of Python's own `sys.excepthook`."""
    end(error)
    sys.__excepthook__(kind, error, trace)


def end(error: BaseException) -> None:
    """Exit with one line if an exception is not a fault of ours."""
    interrupted = any(isinstance(each, KeyboardInterrupt) for each in chain(error))
    line = str(error) if isinstance(error, UserError) else machine_limit(error)
    if isinstance(error, SystemExit) or (line is None and not interrupted):
        return
    for bar in list(tqdm._instances):  # type: ignore[attr-defined]
        bar.disable = True  # or it would be drawn once more, after the line
    sys.unraisablehook = lambda _: None  # libraries that clean up fail for the same reason: nothing new to say
    if interrupted:
        print("stopped", file=sys.stderr)
    sys.exit(INTERRUPTED if interrupted else f"error: {line}")


def machine_limit(error: BaseException) -> str | None:
    """Return what this machine is short of, if that is why an exception was raised."""
    for each in chain(error):
        text, number = " ".join(str(each).split()), each.errno if isinstance(each, OSError) else None
        if number in ROOM or NO_ROOM.search(text):
            return f"no room to write {file_of(each, error) or 'a file'}{low_disks(each)}: free some and run again"
        if isinstance(each, MemoryError) or number in MEMORY or NO_MEMORY.search(text):
            return (
                f"not enough memory ({text[:150] or 'Python says no more'}): give it more, or less to do at once, by "
                "fewer rows, shorter texts or smaller batches"
            )
        if isinstance(each, OSError) and number in MACHINE:
            return f"{file_of(each, error) or 'a file'}: {each.strerror}"
    return None


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an exception, the one that it was raised from or after, and so on."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def file_of(each: BaseException, error: BaseException) -> str:
    """Return the file that an exception names, or what `whole_output` was writing."""
    name = getattr(each, "filename", None)
    return str(name) if name is not None else next(iter(getattr(error, "__notes__", [])), "")


def low_disks(error: BaseException) -> str:
    """Return which disks are as good as full, or the limit on a file's size where there is one."""
    if getattr(error, "errno", None) == errno.EFBIG or "os error 27" in str(error):
        return ", since files may not be larger here (see `ulimit -f`)"
    name = getattr(error, "filename", None)
    cache = os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")
    found: dict[int, str] = {}
    for folder in map(Path, (Path(name).parent if isinstance(name, str) else ".", cache, tempfile.gettempdir())):
        if folder.exists() and (free := shutil.disk_usage(folder).free) < LOW_BYTES:
            found.setdefault(folder.stat().st_dev, f"{free / 1e6:.0f} MB are left on the disk of {folder.resolve()}")
    return f", since {' and '.join(found.values())}" if found else ""
