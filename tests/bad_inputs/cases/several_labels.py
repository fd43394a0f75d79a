"""Several labels a row."""

from bad_inputs import Break, Case, both, set_params
from bad_inputs.cases.own_data import source
from bad_inputs.cases.own_rows import labels

SEPARATED = {"multi_label": True, "label_separator": ";"}


def lists(*values: str) -> Break:
    lines = [f'{{"text": "text number {n}", "label": {value}}}\n' for n, value in enumerate(values)]
    return source("a.jsonl", "".join(lines), labels=None, multi_label=True)


BROKEN: list[tuple[str, str, Break, str]] = [
    (
        "no-multi-label",
        "several labels a row without `data.multi_label`",
        both(lists('["a", "b"]', '["b"]'), set_params(**{"data.multi_label": False})),
        "with several labels: a.jsonl:1, a.jsonl:2; set data.multi_label to true",
    ),
    (
        "separator-alone",
        "a separator without `data.multi_label`",
        set_params(**{"data.label_separator": ";"}),
        "data.label_separator: goes with multi_label: true; however: ';'",
    ),
    (
        "separator-of-lists",
        "a separator, and lists",
        both(lists('["a", "b"]', '"b"'), set_params(**{"data.label_separator": ";"})),
        "1 row with a list of labels: a.jsonl:1; data.label_separator (';') is for labels in one text: set it to null",
    ),
    (
        "separator-missing",
        "separated labels without `data.label_separator`",
        labels(["a;b", "a", "b", "a;c", "c"], multi_label=True),
        "'a;b' looks like several labels: set it to ';'",
    ),
    (
        "empty-label",
        "nothing between two separators",
        labels(["a;;b", "a", "b"], **SEPARATED),
        "1 row with an empty label among others: a.csv:1",
    ),
    (
        "unknown-label",
        "a label that `data.labels` doesn't name, among others",
        labels(["a;b", "b;x", "a"], **{**SEPARATED, "labels": {"a": "A", "b": "B"}}),
        "1 row with a label that data.labels does not name ('x'): a.csv:2",
    ),
    (
        "unreadable-list",
        "a list as NumPy writes it",
        labels(["['a' 'b']", "['a']", "['b']"], multi_label=True),
        "1 row with a list that can't be read: a.csv:1",
    ),
    ("list-in-list", "a list in a list", lists('[["a"], "b"]', '["b"]'), "1 row with a list that can't be read"),
    ("no-label-at-all", "no row with a label", lists("[]", "[]"), "all 2 rows are labelled with nothing"),
    (
        "joint-in-name",
        "a class with | in its name",
        lists('["a|b", "c"]', '["c"]'),
        "a class's name must be without |; however: 'a|b'",
    ),
]

CASES = [Case(f"several-{name}", broken, how, [f"…{message}…"]) for name, broken, how, message in BROKEN]
