"""The language of `data.filter`: which rows to keep, said over their columns.

    stars != 3 and split != "unsupervised"
    2 <= stars < 5 or source in ["imdb", "yelp"]
    not `review title`.str.lower().str.contains("test")

Python's parser reads it, but nothing of it is run: what isn't named here is refused. So a filter out of somebody
else's params.yaml can do no more than choose rows.
"""

import ast
import re
import warnings
from functools import reduce
from operator import and_, or_

import numpy as np
import pandas as pd

from stages.common.errors import did_you_mean
from stages.prepare_data.filter_values import FUNCTIONS, FilterError, Log, Values, compare, members, truth

MAX_CHARACTERS = 10_000
MAX_DEPTH = 50  # of one part inside another
MAX_SHOWN = 60  # characters, in a message
COMPARISONS = {ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">="}
LANGUAGE = (
    "a filter holds columns, texts, numbers, True, False, == != < <= > >=, in and not in with a list, and, or, not, "
    'parentheses and the functions .str.contains("…"), startswith and endswith, .str.lower(), upper, strip and len, '
    ".isna() and .notna()"
)
TEXT = r"""(?P<text>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')"""
TOKENS = re.compile(TEXT + r"|`(?P<column>[^`\n]+)`|(?P<line>\s*\n\s*)|(?P<comment>#)")


class RowFilter:
    """A filter, which is shown the rows batch by batch."""

    def __init__(self, expression: str) -> None:
        """Read a filter.

        Raises:
            FilterError: naming what can't be read.
        """
        self.tree, self.quoted = parse(expression)
        self.log = Log()

    def matches(self, rows: pd.DataFrame) -> np.ndarray:
        """Return which rows the filter keeps, bool (n,).

        Raises:
            FilterError: naming what is not in the language, or the column that isn't there.
        """
        kept = Evaluation(rows.reset_index(drop=True), self.quoted, self.log).condition(self.tree)
        return kept.to_numpy(dtype=bool)

    def notes(self) -> list[str]:
        """Return what to say, after all rows, about values that could not be compared.

        Raises:
            FilterError: when none of a column's values could be.
        """
        return self.log.notes()


def parse(expression: str) -> tuple[ast.expr, dict[str, str]]:
    """Return a filter's tree, and which column each `quoted name` stands for under the name it has in the tree."""
    if len(expression) > MAX_CHARACTERS:
        raise FilterError(f"it has {len(expression):,} characters, and at most {MAX_CHARACTERS:,} are allowed")
    quoted: dict[str, str] = {}
    prefix = "column"
    while prefix in expression:
        prefix += "_"

    def replace(token: re.Match[str]) -> str:
        if token["comment"]:
            raise FilterError("it has a # in it, which would hide what follows: leave comments out")
        if token["column"] is None:
            return token["text"] or " "
        name = f"{prefix}{len(quoted)}"
        quoted[name] = token["column"]
        return f" {name} "

    plain = TOKENS.sub(replace, expression).strip()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Python, about its own language
            tree = ast.parse(plain, mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        raise FilterError(f"it can't be read ({getattr(error, 'msg', None) or 'too deep'}); {LANGUAGE}") from None
    check_depth(tree)
    return tree, quoted


def check_depth(tree: ast.expr) -> None:
    level: list[ast.AST] = [tree]
    for _ in range(MAX_DEPTH):
        level = [child for node in level for child in ast.iter_child_nodes(node)]
    if level:
        raise FilterError(f"its parts stand more than {MAX_DEPTH} deep in one another")


class Evaluation:
    """The walk over a filter's tree, with the table that it is about."""

    def __init__(self, rows: pd.DataFrame, quoted: dict[str, str], log: Log) -> None:
        self.rows, self.quoted, self.log = rows, quoted, log

    def condition(self, node: ast.expr) -> pd.Series:
        """Return where a part of the filter is true, bool (n,)."""
        match node:
            case ast.BoolOp(op, parts):
                return reduce(and_ if isinstance(op, ast.And) else or_, map(self.condition, parts))
            case ast.UnaryOp(ast.Not(), operand):
                return ~self.condition(operand)
            case ast.Compare(left, signs, others):
                pairs = zip([left, *others], signs, others, strict=False)  # 1 < a < 3 is 1 < a and a < 3
                return reduce(and_, (self.comparison(*pair) for pair in pairs))
        value = self.value(node)
        if not isinstance(value, Values):
            raise FilterError(f"{self.source(node)} alone is no condition: compare a column with it")
        found = value.held(truth, "stands alone, without a comparison, so must be True or False").astype(bool)
        return found.reindex(self.rows.index, fill_value=False)

    def comparison(self, left: ast.expr, sign: ast.cmpop, right: ast.expr) -> pd.Series:
        if type(sign) in COMPARISONS:
            return compare(self.value(left), COMPARISONS[type(sign)], self.value(right))
        if isinstance(sign, ast.Is | ast.IsNot):
            raise FilterError(f"`is` is not allowed, write == or !=; {LANGUAGE}")
        column = self.value(left)
        if not isinstance(right, ast.List | ast.Tuple | ast.Set) or not isinstance(column, Values):
            raise FilterError(
                f"`in` stands between a column and a list such as [1, 2], not between {self.source(left)} and "
                f'{self.source(right)}; to look for a part of a text, write COLUMN.str.contains("…")'
            )
        found = members(column, [self.value(item) for item in right.elts])
        return ~found if isinstance(sign, ast.NotIn) else found

    def value(self, node: ast.expr) -> object:
        """Return a column, or what a function makes of it, as Values, and a text, number or truth as it is."""
        match node:
            case ast.Constant(str() | bool() | int() | float() as literal):
                return literal
            case ast.UnaryOp(ast.USub(), ast.Constant(int() | float() as literal)) if not isinstance(literal, bool):
                return -literal
            case ast.Name(name):
                return self.column(self.quoted.get(name, name))
            case ast.Call(ast.Attribute(ast.Attribute(inner, "str"), name), arguments, []):
                return self.call(f".str.{name}", inner, arguments, node)
            case ast.Call(ast.Attribute(inner, name), arguments, []):
                return self.call(f".{name}", inner, arguments, node)
        raise FilterError(f"{self.source(node)} is not allowed; {LANGUAGE}")

    def call(self, name: str, inner: ast.expr, arguments: list[ast.expr], node: ast.expr) -> Values:
        form = next((form for form in FUNCTIONS if form.startswith(f"{name}(")), None)
        if form is None:
            raise FilterError(f"{self.source(node)} is not allowed; {LANGUAGE}")
        column, texts = self.value(inner), [self.value(argument) for argument in arguments]
        fits = len(texts) == form.count("…") and all(isinstance(text, str) for text in texts)
        if not isinstance(column, Values) or not fits:
            raise FilterError(f"{self.source(node)} is not allowed: the function is written COLUMN{form}")
        return Values(self.source(node).strip("`"), FUNCTIONS[form](column, *texts), self.log)

    def column(self, name: str) -> Values:
        if name not in self.rows.columns:
            raise FilterError(f"there is no column {name!r}{did_you_mean(name, self.rows.columns)}")
        return Values(name, self.rows[name], self.log)

    def source(self, node: ast.expr) -> str:
        """Return a part of the filter as it was written, but not at any length."""
        text = ast.unparse(node)
        for short, name in self.quoted.items():
            text = text.replace(short, name)
        return f"`{text}`" if len(text) <= MAX_SHOWN else f"`{text[:MAX_SHOWN]}…`"
