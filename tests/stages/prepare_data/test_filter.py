"""A filter chooses rows as a person reads it, can do nothing else, and says in one line what is wrong with it."""

import math
import operator
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.prepare_data.filter import MAX_CHARACTERS, RowFilter
from stages.prepare_data.filter_values import FilterError

TABLE = pd.DataFrame(
    {
        "text": ["Good film", "bad", "", None],
        "stars": ["3", "10", "n/a", ""],
        "votes": [1, 2, 3, 4],
        "weight": [1.5, None, 2.0, 3.0],
        "verified": [True, False, True, True],
        "spoiler": ["true", "False", "", ""],
        "review title": ["a", "b", "c", "d"],
        "source": ["imdb", "imdb", "rt", "rt"],
        "seen": pd.to_datetime(["2024-01-01", "2024-02-01", "2025-01-01", ""]),
        "mixed": [1, "a", 2.5, None],
    }
)


def matching_rows(rows: pd.DataFrame, expression: str) -> tuple[np.ndarray, list[str]]:
    keep = RowFilter(expression)
    return keep.matches(rows), keep.notes()


@pytest.mark.parametrize(
    ("expression", "rows"),
    [
        ('source == "imdb"', [0, 1]),
        ("stars != 3", [1, 2, 3]),
        ("2 <= stars < 11", [0, 1]),
        ("3 < stars", [1]),  # 10, though as texts "10" < "3"
        ("stars == 3.0", [0]),
        ('stars == "3"', [0]),
        ("stars in [3, 4]", [0]),
        ('stars in ["n/a", 3]', [0, 2]),
        ('source not in ["imdb"]', [2, 3]),
        ("votes in (1, 3)", [0, 2]),
        ("votes in []", []),
        ("votes == -1", []),
        ("votes < weight", [0]),
        ("votes < stars", [0, 1]),
        ('`review title` == "a" or not verified', [0, 1]),
        ("`review title` ==\n  'b'\n", [1]),
        ("verified and votes > 1", [2, 3]),
        ("spoiler == False", [1]),
        ("spoiler", [0]),
        ('text.str.lower().str.contains("good")', [0]),
        ('text.str.contains(".")', []),  # a text, no pattern
        ('text.str.startswith("b") or text.str.endswith("film")', [0, 1]),
        ("text.str.len() > 3", [0]),
        ("text.isna()", [2, 3]),
        ("text.notna()", [0, 1]),
        ('seen >= "2024-01-15"', [1, 2]),
        ("seen == seen", [0, 1, 2]),
        ("mixed == 1", [0]),
        ('mixed == "a"', [1]),
        ("votes < 99999999999999999999 and votes != 9007199254740993", [0, 1, 2, 3]),
        ("stars == mixed", []),
    ],
)
def test_a_filter_keeps_the_rows_that_it_describes(expression: str, rows: list[int]) -> None:
    kept, _ = matching_rows(TABLE, expression)
    assert kept.dtype == bool
    assert kept.nonzero()[0].tolist() == rows


def test_values_that_could_not_be_compared_are_said() -> None:
    assert matching_rows(TABLE, "stars > 3")[1] == [
        "stars is compared with 3, so must be a number, and in 1 row it is not ('n/a')"
    ]
    assert matching_rows(TABLE, 'source == "imdb" and votes > 3')[1] == []


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ('sorce == "imdb"', "there is no column 'sorce' (did you mean source?)"),
        ("1", "`1` alone is no condition"),
        ("'1'", "`'1'` alone is no condition"),
        ("source", "source stands alone, without a comparison, so must be True or False, and none of its values is ("),
        ("1 < 2", "1 < 2 has no column in it"),
        ('"x" in text', 'write COLUMN.str.contains("…")'),
        ("votes == '1'", "votes is compared with '1', so must be a text (a number goes without quotes), and none of"),
        (
            "source == 3",
            "source is compared with 3, so must be a number, and none of its values is ('imdb', 'imdb', 'rt', …)",
        ),
        ("verified > True", "only == and != go with True and False"),
        ("seen > 'soon'", "seen holds times and is compared with 'soon': write 2024-12-31"),
        ("votes in [text]", "holds texts and numbers, and no columns such as text"),
        ("votes is 1", "`is` is not allowed, write == or !="),
        ("(votes == 1) & (votes == 2)", "`(votes == 1) & (votes == 2)` is not allowed; a filter holds columns,"),
        ("votes == 1 # and more", "leave comments out"),
        ("votes ==", "it can't be read (invalid syntax); a filter holds"),
        ("text.str.contains(votes)", 'the function is written COLUMN.str.contains("…")'),
        ("text.str.lower('a') == 'b'", "the function is written COLUMN.str.lower()"),
        (
            "votes.str.len() > 1",
            "votes goes to a function of texts, so must be a text, and none of its values is (1, 2, 3, …)",
        ),
        ("not " * 60 + "verified", "more than 50 deep"),
        ("votes == 1 or " * 1000 + "verified", f"at most {MAX_CHARACTERS:,} are allowed"),
    ],
)
def test_a_wrong_filter_gets_one_line(expression: str, message: str) -> None:
    with pytest.raises(FilterError) as error:
        matching_rows(TABLE, expression)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "expression",
    [
        '@pd.io.common.os.system("touch {path}")',
        "@json.codecs.builtins.eval(\"open({path!r}, 'w')\")",
        'text.to_pickle("{path}")',
        "@run_stage.__globals__",
        '__import__("os").system("touch {path}")',
        'text.str.__class__.__base__("a")',
        "text.str.cat([text for text in [1]])",
        'votes == open("{path}", "w")',
        'text.str.contains("(a+)+$", regex=True)',
        "(lambda: 1)() == votes",
        'f"{{votes}}" == source',
        "votes[0] == 1",
        "votes == 9 ** 9 ** 9",
        'source == "a" * 10 ** 10',
    ],
)
def test_a_filter_runs_nothing(expression: str, tmp_path: Path) -> None:
    path = tmp_path / "made"
    with pytest.raises(FilterError, match=r"is not allowed|can't be read"):
        matching_rows(TABLE, expression.format(path=path))
    assert not path.exists()


PIECES = [*"()[]`'\"#@,.:=<>&|~-+*\n ", "not ", " and ", " or ", " in ", "votes", "source", "1", "1e999", '"a"', ".str"]
PIECES += [".str.lower()", ".isna()", "lambda", " if ", " else ", "None", "True", "__class__", "(", ")", " is ", "f"]


@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=20).map("".join))
def test_any_text_is_a_filter_or_gets_one_line(expression: str) -> None:
    try:
        kept, _ = matching_rows(TABLE, expression)
    except FilterError as error:
        assert "\n" not in str(error)  # noqa: PT017 (not every text is wrong)
        return
    assert kept.dtype == bool
    assert len(kept) == len(TABLE)


Row = dict[str, Any]
Condition = tuple[str, Callable[[Row], bool]]  # as a filter, and as what it means for one row
SIGNS = {"==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
TEXTS = st.text(alphabet="aAbİß 1'\"\\", max_size=4)
WRITTEN_NUMBERS = st.integers(-5, 5).map(str) | st.floats(-5, 5).map(repr) | st.sampled_from(["", "n/a", " 2 ", "1e0"])
ROWS = st.fixed_dictionaries(
    {
        "t": TEXTS | st.none(),
        "s": WRITTEN_NUMBERS,
        "n": st.integers(-5, 5),
        "f": st.floats(-5, 5) | st.just(math.nan),
        "b": st.booleans(),
    }
)
KINDS = ["numbers", "texts", "columns", "list", "length", "contains", "truth", "missing", "chain"]
FIRST: Row = {"t": "a", "s": "3", "n": 1, "f": 1.5, "b": True}  # every column has a value of its kind


def plain_number(value: Any) -> float | None:
    try:
        found = float(value)
    except ValueError:
        return None
    return None if math.isnan(found) else found


def compared(value: Any, sign: str, other: Any) -> bool:
    return sign == "!=" if value is None or other is None else SIGNS[sign](value, other)


@st.composite
def comparisons(draw: st.DrawFn) -> Condition:
    sign = draw(st.sampled_from(list(SIGNS)))
    match draw(st.sampled_from(KINDS)):
        case "numbers":
            name, number = draw(st.sampled_from("snf")), draw(st.integers(-5, 5) | st.floats(-5, 5))
            return f"{name} {sign} {number}", lambda row: compared(plain_number(row[name]), sign, number)
        case "texts":
            text = draw(TEXTS)
            return f"{text!r} {sign} t", lambda row: compared(text, sign, row["t"])
        case "columns":
            name = draw(st.sampled_from("sf"))
            return f"{name} {sign} n", lambda row: compared(plain_number(row[name]), sign, float(row["n"]))
        case "list":
            name = draw(st.sampled_from("snf"))
            numbers = draw(st.lists(st.integers(-5, 5), max_size=3))
            return f"{name} not in {numbers}", lambda row: plain_number(row[name]) not in numbers
        case "length":
            number = draw(st.integers(0, 4))
            return (
                f"t.str.lower().str.len() {sign} {number}",
                lambda row: compared(None if row["t"] is None else len(row["t"].lower()), sign, number),
            )
        case "contains":
            text = draw(TEXTS)
            return f"t.str.contains({text!r})", lambda row: row["t"] is not None and text in row["t"]
        case "truth":
            return "b", lambda row: row["b"]
        case "missing":
            return "t.isna()", lambda row: not (row["t"] or "").strip()
    low, high = draw(st.integers(-5, 5)), draw(st.integers(-5, 5))
    return f"{low} < n {sign} {high}", lambda row: low < row["n"] and SIGNS[sign](row["n"], high)


def joined(parts: st.SearchStrategy[Condition]) -> st.SearchStrategy[Condition]:
    pairs = st.tuples(parts, parts)
    return st.one_of(
        pairs.map(lambda two: (f"({two[0][0]}) and {two[1][0]}", lambda row: two[0][1](row) and two[1][1](row))),
        pairs.map(lambda two: (f"({two[0][0]} or {two[1][0]})", lambda row: two[0][1](row) or two[1][1](row))),
        parts.map(lambda one: (f"not ({one[0]})", lambda row: not one[1](row))),
    )


@given(st.recursive(comparisons(), joined, max_leaves=5), st.lists(ROWS, max_size=5))
def test_a_filter_means_what_it_means_row_by_row(condition: Condition, others: list[Row]) -> None:
    rows = [FIRST, *others]
    expected = [condition[1](row) for row in rows]
    keep = RowFilter(condition[0])
    assert keep.matches(pd.DataFrame(rows)).tolist() == expected
    batches = [keep.matches(pd.DataFrame(part)).tolist() for part in (rows[:1], rows[1:]) if part]
    assert sum(batches, []) == expected  # noqa: RUF017 (two)
    keep.notes()


def test_batches_are_judged_together() -> None:
    keep = RowFilter("stars > 1")
    for values in (["n/a", "?"], ["", "x"], ["2"]):
        keep.matches(pd.DataFrame({"stars": values}))
    assert keep.notes() == ["stars is compared with 1, so must be a number, and in 3 rows it is not ('n/a', '?', 'x')"]


def test_large_whole_numbers_are_compared_exactly() -> None:
    keep = RowFilter("id == 9007199254740993")
    for values in (["9007199254740993", "9007199254740992", "1.5"], [9007199254740993, 9007199254740992, 0]):
        assert keep.matches(pd.DataFrame({"id": values})).tolist() == [True, False, False]


def test_two_files_of_one_name_do_not_confuse_a_filter() -> None:
    rows = pd.DataFrame({"stars": ["1", "n/a", "3"]}, index=["a.csv:1", "a.csv:1", "a.csv:1"])
    assert matching_rows(rows, "stars >= 1")[0].tolist() == [True, False, True]
