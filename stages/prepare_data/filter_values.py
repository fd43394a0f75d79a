"""What a filter compares: texts with texts, numbers with numbers, truths with truths.

A column of a CSV file holds texts only. Compared with a number, its texts are read as numbers; compared with True or
False, its words true and false are. A value that is missing or of another kind is equal to nothing, and neither less
nor more than anything.
"""

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from reprlib import Repr
from typing import Any

import pandas as pd
from pandas.api import types

from stages.common.errors import UserError
from stages.prepare_data.bad_rows import plural

NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*", re.ASCII)
WHOLE = re.compile(r"\s*[+-]?\d{1,18}\s*", re.ASCII)  # fits into 64 bits
EXACT = 2**53  # up to here every whole number is a float64
OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
SWAPPED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
SHOWN = 3  # examples in a message
short = Repr()  # as `repr`, but not at any length


class FilterError(UserError):
    """What is wrong with a filter."""


@dataclass(frozen=True)
class Values:
    """A column, or what a function made of one."""

    name: str  # in messages
    column: pd.Series
    notes: dict[str, None]  # what to say to the user, each once; of all parts of a filter together

    def missing(self) -> pd.Series:
        """Return where a value is missing or an empty text, bool (n,)."""
        blank = [isinstance(value, str) and not value.strip() for value in self.column]
        return self.column.isna() | pd.Series(blank, index=self.column.index, dtype=bool)

    def is_number(self) -> bool:
        return types.is_numeric_dtype(self.column) and not types.is_bool_dtype(self.column)

    def texts(self, purpose: str) -> pd.Series:
        """Return those values that are texts."""
        if self.is_number() or types.is_bool_dtype(self.column):
            raise FilterError(f"{self.name} holds no texts and {purpose}: leave out the quotes")
        return self._chosen([value if isinstance(value, str) else None for value in self.column], "text", purpose)

    def numbers(self, purpose: str) -> pd.Series:
        """Return those values that are numbers, int64 if all are whole, else float64."""
        if self.is_number():
            return self.column.dropna()
        found = self._chosen(list(map(number, self.column.astype(object))), "number", purpose)
        return found.astype("int64" if all(isinstance(value, int) for value in found) else float)

    def truths(self, purpose: str) -> pd.Series:
        """Return those values that are true or false, bool."""
        words = {"true": True, "false": False}
        found = [
            value if isinstance(value, bool) else words.get(value.strip().lower()) if isinstance(value, str) else None
            for value in self.column.astype(object)
        ]
        return self._chosen(found, "truth", purpose).astype(bool)

    def _chosen(self, found: list, kind: str, purpose: str) -> pd.Series:
        """Return what of a column is of a kind, dtype object; say how much is not, and refuse if nothing is."""
        made = pd.Series(found, index=self.column.index, dtype=object)
        other = self.column[made.isna() & ~self.missing()]
        if len(other):
            examples = ", ".join(map(short.repr, other.iloc[:SHOWN].tolist())) + (", …" if len(other) > SHOWN else "")
            if made.isna().all():
                raise FilterError(f"{self.name} {purpose}, but none of its values is a {kind} ({examples})")
            self.notes[f"{self.name} {purpose}, but is no {kind} in {plural(len(other), 'row')} ({examples})"] = None
        return made.dropna()


def number(value: object) -> int | float | None:
    """Return the number that a value is, or that it holds as a text."""
    if isinstance(value, str):
        if WHOLE.fullmatch(value):
            return int(value)
        return float(value) if NUMBER.fullmatch(value) else None
    if isinstance(value, int) and not isinstance(value, bool):
        return value if abs(value) < 2**63 else None
    return float(value) if isinstance(value, float | Decimal) and value == value else None


def compare(left: object, sign: str, right: object) -> pd.Series:
    """Return where `left sign right` is true, bool (n,)."""
    if not isinstance(left, Values):
        if not isinstance(right, Values):
            raise FilterError(f"{left!r} {sign} {right!r} has no column in it")
        return compare(right, SWAPPED.get(sign, sign), left)
    if isinstance(right, bool) and sign not in ("==", "!="):
        raise FilterError(f"{left.name} {sign} {right}: only == and != go with True and False")
    result = pd.Series(sign == "!=", index=left.column.index)
    first, second = alike(left, right)
    if isinstance(second, pd.Series):
        both = first.index.intersection(second.index)
        first, second = first[both], second[both]
    result[first.index] = OPERATORS[sign](first, second).astype(bool)
    return result


def alike(left: Values, right: object) -> tuple[pd.Series, Any]:
    """Return a column, and the other side of a comparison, as values of one kind."""
    if isinstance(right, Values):
        return alike_columns(left, right)
    purpose = f"is compared with {short.repr(right)}"
    if isinstance(right, bool):
        return left.truths(purpose), right
    if isinstance(right, str):
        is_time = types.is_datetime64_any_dtype(left.column)
        return (left.column.dropna(), moment(left, right)) if is_time else (left.texts(purpose), right)
    assert isinstance(right, int | float)
    found = left.numbers(purpose)
    bound = 2**63 if types.is_integer_dtype(found) else EXACT if isinstance(right, int) else float("inf")
    if not abs(right) < bound:
        raise FilterError(f"{left.name} {purpose}, which is too large: put it into quotes, to compare it as a text")
    return found, right


def alike_columns(*pair: Values) -> tuple[pd.Series, pd.Series]:
    if all(types.is_datetime64_any_dtype(side.column) for side in pair):
        first, second = (side.column.dropna() for side in pair)
    elif any(types.is_bool_dtype(side.column) for side in pair):
        first, second = (side.truths("is compared with truths") for side in pair)
    elif any(side.is_number() for side in pair) or all(holds_numbers(side) for side in pair):
        first, second = (side.numbers("is compared with numbers") for side in pair)
    else:
        first, second = (side.texts("is compared with texts") for side in pair)
    return first, second


def holds_numbers(values: Values) -> bool:
    held = values.column[~values.missing()].astype(object)
    return len(held) > 0 and all(number(value) is not None for value in held)


def moment(values: Values, text: str) -> pd.Timestamp:
    try:
        found = pd.Timestamp(text)
    except ValueError:
        raise FilterError(f"{values.name} holds times and is compared with {text!r}: write as 2024-12-31") from None
    zone = values.column.dt.tz
    return found.tz_localize(zone) if zone is not None and found.tzinfo is None else found


def members(values: Values, choices: list) -> pd.Series:
    """Return where a value is one of the choices, bool (n,)."""
    found = pd.Series(False, index=values.column.index)
    if all(isinstance(choice, str) for choice in choices) and not types.is_datetime64_any_dtype(values.column):
        held = values.texts(f"is looked for in a list of texts ({short.repr(choices[0])}, …)") if choices else found[:0]
        found[held.index] = held.isin(choices)
        return found
    for choice in choices:
        if isinstance(choice, Values):
            raise FilterError(f"a list after `in` holds texts and numbers, and no columns such as {choice.name}")
        found |= compare(values, "==", choice)
    return found


def of_text(function: Callable[..., Any], result: type) -> Callable[..., pd.Series]:
    """Return a function of a column; of what is no text it makes False, or a missing value."""

    def apply(values: Values, *arguments: str) -> pd.Series:
        held = values.texts("goes to a function of texts")
        made = pd.Series([function(text, *arguments) for text in held], index=held.index, dtype=result)
        return made.reindex(values.column.index, fill_value=False if result is bool else None)

    return apply


FUNCTIONS: dict[str, Callable[..., pd.Series]] = {
    '.str.contains("…")': of_text(str.__contains__, bool),
    '.str.startswith("…")': of_text(str.startswith, bool),
    '.str.endswith("…")': of_text(str.endswith, bool),
    ".str.lower()": of_text(str.lower, object),
    ".str.upper()": of_text(str.upper, object),
    ".str.strip()": of_text(str.strip, object),
    ".str.len()": of_text(len, object),
    ".isna()": Values.missing,
    ".notna()": lambda values: ~values.missing(),
}
