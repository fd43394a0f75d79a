"""Keep spreadsheets from taking a cell for a formula. Standard library only."""

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")  # the last four are wide forms


def safe_cell(value: str) -> str:
    """Return a cell with an apostrophe before it where a spreadsheet would run it (OWASP, CSV injection); numbers stay
    as they are."""
    return f"'{value}" if value.startswith(FORMULA) and not is_number(value) else value


def is_number(value: str) -> bool:
    try:
        float(value)
    except ValueError:
        return False
    return value.isascii() and not value[0].isspace()
