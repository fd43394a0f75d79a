"""Refuse rows that can't be used, by name."""

import pandas as pd

from stages.common.errors import UserError

ROWS_SHOWN = 5


def refuse(rows: pd.DataFrame, bad: pd.Series, reason: str, remedy: str) -> None:
    """Raise a UserError that names the rows where `bad` is true, if there are any."""
    if bad.any():
        raise UserError(f"{plural(int(bad.sum()), 'row')} {reason}: {shown(list(rows['origin'][bad]))}; {remedy}")


def plural(count: int, noun: str) -> str:
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def shown(items: list, limit: int = ROWS_SHOWN) -> str:
    return ", ".join(map(str, items[:limit])) + (", …" if len(items) > limit else "")
