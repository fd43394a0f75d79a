"""End a stage when the program that runs it has ended, so that no stage writes outputs that nobody waits for.

A `dvc` that is killed can't stop its stage, nor can a killed stage stop the processes of its launcher. So each of them
looks, twice a second, whether the process it works for is still there.
"""

import _thread
import os
import signal
import sys
import threading
import time
from contextlib import suppress

import psutil

PARENT_PID = os.getppid()  # read before a stage loads its libraries, which takes seconds: stages/__init__.py
ENDS_WITH = "STAGE_ENDS_WITH"  # in the environment: the number of the process that a launched one works for
SHELLS = {"sh", "bash", "dash", "zsh", "fish", "ksh", "cmd.exe"}  # what DVC may run a stage through
POLL_SECONDS = 0.5
GRACE_SECONDS = 5.0  # to remove half-written outputs in


def end_with_parent() -> None:
    """Watch what runs this stage, in a thread; a stage that a person started by hand outlives the terminal."""
    if ENDS_WITH not in os.environ and "DVC_STAGE" not in os.environ:
        return
    threading.Thread(target=_watch, name="watch parent", daemon=True).start()


def _watch() -> None:
    try:
        processes = runners()
    except psutil.NoSuchProcess:
        processes = []
    while processes and all(map(is_there, processes)):
        time.sleep(POLL_SECONDS)
    with suppress(OSError, ValueError):  # the terminal may be gone as well
        print("error: the program that ran this stage has ended: stopping", file=sys.stderr, flush=True)
    interrupt_main_thread()
    time.sleep(GRACE_SECONDS)
    os._exit(1)


def interrupt_main_thread() -> None:
    """Do what Ctrl-C does, so that half-written outputs are removed."""
    if sys.platform == "win32":
        _thread.interrupt_main()
    else:  # a real signal, which ends waiting, too
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)


def runners() -> list[psutil.Process]:
    """Return the processes that this one ends with: the nearest that is no shell, and the one named by ENDS_WITH.

    Raises:
        psutil.NoSuchProcess: when one of them has ended.
    """
    if os.getppid() != PARENT_PID:
        raise psutil.NoSuchProcess(PARENT_PID)
    runner = psutil.Process(PARENT_PID)
    while runner.name() in SHELLS and runner.ppid():
        runner = psutil.Process(runner.ppid())
    named = os.environ.get(ENDS_WITH)
    return [runner, psutil.Process(int(named))] if named else [runner]


def is_there(process: psutil.Process) -> bool:
    """Say whether a process runs, and is not another one that was given its number."""
    with suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False
