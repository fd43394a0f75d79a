"""Data files."""

from bad_inputs import Case, write

RAW = "data/raw/tiny.csv"  # what data.source names

CASES = [
    Case(
        "empty-file",
        "a file of no bytes",
        write(RAW, ""),
        ["data/raw/tiny.csv is empty"],
    ),
]
