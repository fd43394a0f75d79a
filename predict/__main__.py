"""Run the program; predict/command.py says what it does.

A mistake is one line and exit status 1, Ctrl-C one line and 130.
"""

import os
import signal
import sys
from types import FrameType


def main() -> None:
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, leave)  # nothing is half-written until rows are predicted
    from predict.command import run
    from predict.errors import PredictError

    try:
        status = run()
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # all is done: as it ends, Python would let Ctrl-C kill it
        sys.exit(status)
    except PredictError as error:
        sys.exit(f"error: {error}")
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nobody reads any more
        sys.exit(1)
    except MemoryError:
        sys.exit("error: out of memory: predict shorter texts, or on a machine with more")
    except OSError as error:
        sys.exit(f"error: {error.filename}: {error.strerror}" if error.filename else f"error: {error}")


def leave(number: int, frame: FrameType | None) -> None:
    os.write(2, b"interrupted\n")
    os._exit(130)


if __name__ == "__main__":
    main()
