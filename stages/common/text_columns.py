"""Name the columns of the prepared data that a model reads."""

from collections.abc import Hashable, Iterable

TEXT_COLUMNS = ("text", "text_pair")  # the second is there where `data.text_pair_column` is given


def text_columns(columns: Iterable[Hashable]) -> list[str]:
    """Return those of the columns that hold the text, or the two texts of a pair."""
    there = set(columns)
    return [name for name in TEXT_COLUMNS if name in there]
