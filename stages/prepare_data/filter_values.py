"""What a filter compares: texts with texts, numbers with numbers, truths with truths, times with times.

A column of a CSV file holds texts only. Compared with a number, its texts are read as numbers; compared with True or
False, its words true and false are. Two columns are compared as numbers in the rows in which both hold numbers. A value
that is missing or of another kind is equal to nothing, and neither less nor more than anything. So what a row means
does not depend on the rows that are read with it.
"""

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from reprlib import Repr
from typing import Any

import pandas as pd
from pandas.api import types

from stages.common.errors import UserError
from stages.prepare_data.bad_rows import plural

NUMBER = re.compile(r"\s*[+-]?(\d{1,300}\.?\d{0,300}|\.\d{1,300})([eE][+-]?\d{1,9})?\s*", re.ASCII)
WHOLE = re.compile(r"\s*[+-]?\d{1,300}\s*", re.ASCII)
WORDS = {"true": True, "false": False}
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


@dataclass
class Tally:
    """How many values were of the kind that a part of a filter asks for, over all batches of rows."""

    fitting: int = 0
    other: int = 0
    examples: list[str] = field(default_factory=list)  # of the others


class Log(dict[tuple[str, str], Tally]):
    """The tallies of all parts of a filter, each under the column's name and what is asked of it."""

    def add(self, name: str, asked: str, fitting: int, other: pd.Series) -> None:
        tally = self.setdefault((name, asked), Tally())
        tally.fitting += fitting
        tally.other += len(other)
        room = SHOWN + 1 - len(tally.examples)
        tally.examples += [short.repr(value) for value in other.iloc[:room].tolist()]

    def notes(self) -> list[str]:
        """Return what to say about values that could not be compared.

        Raises:
            FilterError: when none of a column's values could be.
        """
        found = []
        for (name, asked), tally in self.items():
            examples = ", ".join([*tally.examples[:SHOWN], *["…"][: len(tally.examples) - SHOWN]])
            if tally.other and not tally.fitting:
                raise FilterError(f"{name} {asked}, and none of its values is ({examples})")
            if tally.other:
                found.append(f"{name} {asked}, and in {plural(tally.other, 'row')} it is not ({examples})")
        return found


@dataclass(frozen=True)
class Values:
    """A column, or what a function made of one."""

    name: str  # in messages
    column: pd.Series
    log: Log

    def missing(self) -> pd.Series:
        """Return where a value is missing or an empty text, bool (n,)."""
        blank = [isinstance(value, str) and not value.strip() for value in self.column]
        return self.column.isna() | pd.Series(blank, index=self.column.index, dtype=bool)

    def held(self, kind: Callable[[Any], Any], asked: str = "") -> pd.Series:
        """Return what `kind` makes of the values, without those of which it makes None; log how many these are."""
        if kind is number and types.is_numeric_dtype(self.column) and not types.is_bool_dtype(self.column):
            made = self.column
        else:
            made = pd.Series(list(map(kind, self.column.astype(object))), index=self.column.index, dtype=object)
        if asked:
            self.log.add(self.name, asked, int(made.notna().sum()), self.column[made.isna() & ~self.missing()])
        return made.dropna()


def text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def number(value: object) -> int | float | None:
    """Return the number that a value is, or that it holds as a text: Python's own, which compare exactly."""
    if isinstance(value, str):
        if WHOLE.fullmatch(value):
            return int(value)
        return float(value) if NUMBER.fullmatch(value) else None
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal) or value != value:
        return None
    return float(value) if isinstance(value, Decimal) else value


def truth(value: object) -> bool | None:
    return value if isinstance(value, bool) else WORDS.get(value.strip().lower()) if isinstance(value, str) else None


def moment(value: object) -> pd.Timestamp | None:
    return value if isinstance(value, pd.Timestamp) else None


def compare(left: object, sign: str, right: object) -> pd.Series:
    """Return where `left sign right` is true, bool (n,)."""
    if not isinstance(left, Values):
        if not isinstance(right, Values):
            raise FilterError(f"{left!r} {sign} {right!r} has no column in it")
        return compare(right, SWAPPED.get(sign, sign), left)
    result = pd.Series(sign == "!=", index=left.column.index)
    if isinstance(right, Values):
        return compare_columns(left, sign, right, result)
    if isinstance(right, bool) and sign not in ("==", "!="):
        raise FilterError(f"{left.name} {sign} {right}: only == and != go with True and False")
    values, other = alike(left, right)
    result[values.index] = OPERATORS[sign](values, other).astype(bool)
    return result


def alike(values: Values, literal: object) -> tuple[pd.Series, Any]:
    """Return those values that are of a literal's kind, and the literal."""
    asked = f"is compared with {short.repr(literal)}, so must be "
    if isinstance(literal, bool):
        return values.held(truth, asked + "True or False"), literal
    if isinstance(literal, int | float):
        return values.held(number, asked + "a number"), literal
    assert isinstance(literal, str)
    if not types.is_datetime64_any_dtype(values.column):
        return values.held(text, asked + "a text (a number goes without quotes)"), literal
    try:
        time = pd.Timestamp(literal)
    except ValueError:
        raise FilterError(f"{values.name} holds times and is compared with {literal!r}: write 2024-12-31") from None
    zone = values.column.dt.tz
    return values.column.dropna(), time.tz_localize(zone) if zone and not time.tzinfo else time


def compare_columns(left: Values, sign: str, right: Values, result: pd.Series) -> pd.Series:
    """Compare row by row, as the first kind of which both values are."""
    compared = pd.Series(False, index=result.index)
    for kind in (number, text, truth, moment):
        first, second = left.held(kind), right.held(kind)
        both = first.index.intersection(second.index).difference(compared.index[compared])
        result[both] = OPERATORS[sign](first[both], second[both]).astype(bool)
        compared[both] = True
    unlike = left.column[~compared & ~left.missing() & ~right.missing()]
    left.log.add(left.name, f"is compared with {right.name}, so must be of its kind", int(compared.sum()), unlike)
    return result


def members(values: Values, choices: list) -> pd.Series:
    """Return where a value is one of the choices, bool (n,)."""
    found = pd.Series(False, index=values.column.index)
    texts = [choice for choice in choices if isinstance(choice, str)]
    if len(texts) == len(choices) > 0 and not types.is_datetime64_any_dtype(values.column):
        held = values.held(text, f"is looked for among texts ({short.repr(texts[0])}, …), so must be a text")
        found[held.index] = held.isin(texts)
        return found
    for choice in choices:
        if isinstance(choice, Values):
            raise FilterError(f"a list after `in` holds texts and numbers, and no columns such as {choice.name}")
        kind = text if isinstance(choice, str) else truth if isinstance(choice, bool) else number
        held = values.held(kind)
        found[held.index] |= (held == choice).astype(bool)
    return found


def of_text(function: Callable[..., Any], result: type) -> Callable[..., pd.Series]:
    """Return a function of a column; of what is no text it makes False, or a missing value."""

    def apply(values: Values, *arguments: str) -> pd.Series:
        held = values.held(text, "goes to a function of texts, so must be a text")
        made = pd.Series([function(value, *arguments) for value in held], index=held.index, dtype=result)
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
