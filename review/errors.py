"""What stops a review."""


class CannotJudge(Exception):
    """The review can't be made, or can't be trusted: one line for a person, and exit status 2."""


class Unavailable(Exception):
    """An output of a revision that neither the workspace nor the cache nor a remote has; says why."""
