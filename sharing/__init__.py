"""Programs for a team: merge branches with results, show plots, publish the model."""

from collections.abc import Callable

from stages.common.errors import end


def run(main: Callable[[], None]) -> None:
    """Run a program's `main`; what its user can mend is one line and exit status 1."""
    try:
        main()
    except BaseException as error:
        end(error)
        raise
