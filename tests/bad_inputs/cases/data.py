"""Data files."""

import gzip
import io
import json

from bad_inputs import Break, Case, both, remove, set_params, write

RAW = "data/raw/tiny.csv"  # what data.source names
ROWS = "text,label\n" + "".join(f"a film that is {n},{n % 2}\n" for n in range(300))


def csv(content: str | bytes) -> Break:
    return write(RAW, content)


def file(name: str, content: str | bytes) -> Break:
    """Make another file the data."""
    return both(write(f"data/raw/{name}", content), set_params(**{"data.source": f"data/raw/{name}"}))


def param(key: str, value: object) -> Break:
    return set_params(**{f"data.{key}": value})


def lines(*records: object) -> str:
    return "".join(json.dumps(record) + "\n" for record in records)


def parquet() -> bytes:
    import pandas as pd

    content = io.BytesIO()
    pd.read_csv(io.StringIO(ROWS)).to_parquet(content)
    return content.getvalue()


FILTERS = {  # a filter, and what is said of it
    'label == "9"': "data.filter: 'label == \"9\"' keeps no row",
    "lable == 1": "…there is no column 'lable' (did you mean label?); the columns are text, label. Correct it, …",
    "'1'": "data.filter: \"'1'\" can't be applied: `'1'` alone is no condition: compare a column with it; …",
    "label": "…",
    "text == 3": "…text is compared with 3, so must be a number, and none of its values is (…)…",
    "label = 1": "…it can't be read (invalid syntax…); a filter holds columns, texts, numbers, …",
    "label == 1 #": "…it has a # in it, which would hide what follows: leave comments out. …",
    '"film" in text': '…to look for a part of a text, write COLUMN.str.contains("…"); …',
    '@pd.io.common.os.system("touch hacked")': "…it can't be read (invalid syntax); a filter holds …",
    'text.to_pickle("hacked")': "…`text.to_pickle('hacked')` is not allowed; a filter holds …",
    '__import__("os").system("touch hacked")': "…`__import__('os').system('touch hacked')` is not allowed; a filter …",
    "text.str.__class__": "…`text.str.__class__` is not allowed; a filter holds …",
    'text.str.contains("(a+)+$", regex=True)': "…is not allowed; a filter holds …",
    "not " * 60 + 'label == "1"': "…its parts stand more than 50 deep in one another. …",
    "label == 1 or " * 900 + "label == 0": "…it has 12,610 characters, and at most 10,000 are allowed…",
}

CASES = [
    *(
        Case(
            f"filter-{number}",
            f"`data.filter: {text if len(text) < 60 else text[:40] + '…'}`",
            param("filter", text),
            [line],
        )
        for number, (text, line) in enumerate(FILTERS.items())
    ),
    Case("csv-empty", "an empty file", csv(""), ["data/raw/tiny.csv is empty"]),
    Case("csv-no-rows", "a file with column names only", csv("text,label\n"), ["data.source has no rows"]),
    Case("csv-missing", "the file is not there", remove(RAW), ["data.source: no file matches data/raw/tiny.csv (…)"]),
    Case(
        "csv-no-column",
        "no column with the text",
        csv("review,label\na,0\n"),
        ["data.text_column: …there is no column 'text'…"],
    ),
    Case(
        "csv-no-label",
        "rows without a label",
        csv(ROWS + "b,\nc,\n"),
        ["2 rows without a label: tiny.csv:301, tiny.csv:302; fill it in, or leave them out with data.filter"],
    ),
    Case(
        "csv-unknown-label",
        "labels that `data.labels` does not name",
        csv(ROWS + "b,7\nc,x\n"),
        ["2 rows with a label that data.labels does not name ('7', 'x'): tiny.csv:301, tiny.csv:302; it names 0, 1…"],
    ),
    Case("csv-one-class", "one class", csv("text,label\na,0\nb,0\n"), ["all 2 rows are labelled negative: a …"]),
    Case("csv-few-rows", "too few rows", csv("text,label\na b,0\nc d,1\n"), ["data.…rows…"]),
    Case("csv-latin-1", "bytes that are not UTF-8", csv(b"text,label\ncaf\xe9,1\n"), ["…tiny.csv is not UTF-8: …"]),
    Case("csv-zeros", "a file of zero bytes", csv(b"\0" * 1000), ["data/raw/tiny.csv …"]),
    Case(
        "csv-wide-row",
        "a row with too many fields",
        csv(ROWS + "a,0,1,2\n"),
        ["…tiny.csv…"],
    ),
    Case("csv-open-quote", "a quote that is not closed", csv(ROWS + '"a,0\nb,1\n'), ["…tiny.csv…"]),
    Case(
        "csv-absent-class",
        "`data.labels` names a class that no row has",
        param("labels", {0: "bad", 1: "good", 2: "mixed"}),
        ["data.labels names mixed, but no row has that label: remove it or check the data"],
    ),
    Case("csv-suffix", "a file of another kind", file("a.docx", "x"), ["data.source: data/raw/a.docx must end in …"]),
    Case("csv-folder", "a folder without data", file("a/b.md", "x"), ["data.source: …"]),
    Case(
        "jsonl-broken",
        "a line that is not JSON",
        file("a.jsonl", lines({"text": "a", "label": 0}) + '{"text": \n'),
        ["…a.jsonl…line 2…"],
    ),
    Case("jsonl-list", "a line that is a list", file("a.jsonl", "[1, 2]\n"), ["…a.jsonl…"]),
    Case(
        "jsonl-number",
        "a number for a text",
        file("a.jsonl", lines({"text": 3, "label": 0}, {"text": "b", "label": 1})),
        ["1 row with a number or a list for a text: a.jsonl:1; set data.text_column"],
    ),
    Case("parquet-cut", "a parquet file that was cut", file("a.parquet", parquet()[:-100]), ["data/raw/a.parquet …"]),
    Case("parquet-csv", "a csv file named .parquet", file("a.parquet", ROWS), ["data/raw/a.parquet …"]),
    Case("gz-cut", "a packed file that was cut", file("a.csv.gz", gzip.compress(ROWS.encode())[:-50]), ["…a.csv.gz …"]),
    Case(
        "gz-no", "a csv file named .csv.gz", file("a.csv.gz", ROWS), ["data/raw/a.csv.gz can't be unpacked or read: …"]
    ),
    Case("zip-no", "a csv file named .zip", file("a.zip", ROWS), ["data/raw/a.zip can't be unpacked or read: …"]),
    Case("xlsx-no", "a csv file named .xlsx", file("a.xlsx", ROWS), ["data/raw/a.xlsx …"]),
    Case(
        "encoding-wrong",
        "`data.encoding` is not the file's",
        both(csv(ROWS + "café,1\n"), param("encoding", "cp1252")),
        ["data.encoding: …"],
    ),
    Case(
        "encoding-none",
        "`data.encoding: utf-99`",
        param("encoding", "utf-99"),
        ["data.encoding: must be the name of …"],
    ),
    Case("label-column", "`data.label_column` is not there", param("label_column", "stars"), ["data.label_column: …"]),
    Case("group-column", "`data.group_column` is not there", param("group_column", "film"), ["data.group_column: …"]),
    Case("train-rows", "more rows for training than there are", param("train_rows", 10_000), ["data.train_rows: …"]),
    Case("validation-rows", "the same for validation", param("validation_rows", 10_000), ["data.validation_rows: …"]),
    Case("test-rows", "the same for the test", param("test_rows", 10_000), ["data.test_rows: …"]),
    Case(
        "suite-no-yaml",
        "the behaviour suite is not YAML",
        write("data/behaviour.yaml", "tests: ["),
        ["data/behaviour.yaml is not valid YAML: …"],
        command="stages.evaluate",
    ),
    Case(
        "suite-kind",
        "a test of an unknown kind in the behaviour suite",
        write("data/behaviour.yaml", "labels: [negative, positive]\ntests:\n- kind: none\n  name: a\n  cases: [b]\n"),
        ["data/behaviour.yaml must be mended: …"],
        command="stages.evaluate",
    ),
]
