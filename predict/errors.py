"""What the person who runs a prediction can mend."""


class PredictError(Exception):
    """One line: the rule, what was found, what to do."""
