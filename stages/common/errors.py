"""One line and exit status 1 for a user's mistake; a traceback only for a fault of ours."""

import errno
import sys
import warnings
from collections.abc import Callable, Iterable
from difflib import get_close_matches


class UserError(Exception):
    """Something that the person who runs the pipeline can mend: the rule, what was found, what to do."""


class MissingInput(UserError):
    """A file that an earlier stage makes, or that the user names, is not there."""


def did_you_mean(name: str, names: Iterable[object]) -> str:
    """Return " (did you mean …?)" with the one of the names that a wrong one resembles, if one does."""
    close = get_close_matches(name, map(str, names), n=1)
    return f" (did you mean {close[0]}?)" if close else ""


def run_stage(main: Callable[[], None]) -> None:
    """Run a stage's `main`; give a UserError or a full disk one line and exit with status 1."""
    warnings.simplefilter("ignore", FutureWarning)  # libraries' notes to one another
    try:
        main()
    except UserError as error:
        sys.exit(f"error: {error}")
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise
        sys.exit(f"error: no room to write {error.filename or 'an output'}: free some space and run again")
