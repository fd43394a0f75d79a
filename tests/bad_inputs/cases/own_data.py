"""Files as people have them."""

import gzip
import io
import zipfile

import pandas as pd

from bad_inputs import Break, Case, both, set_params, write

FOLDER = "data/raw"
ROWS = "text,label\n" + "".join(f"text number {n} of {n * 7},{n % 2}\n" for n in range(20))


def packed(names: list[str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(name, ROWS)
    return buffer.getvalue()


def parquet(**columns: list) -> bytes:
    buffer = io.BytesIO()
    pd.DataFrame(columns).to_parquet(buffer)
    return buffer.getvalue()


def source(name: str, content: str | bytes, **changes: object) -> Break:
    """Put a file into data/raw and let `data.source` name it."""
    keys = {f"data.{key}": value for key, value in changes.items()}
    return both(write(f"{FOLDER}/{name}", content), set_params(**{"data.source": f"{FOLDER}/{name}", **keys}))


BROKEN: list[tuple[str, str, Break, str]] = [
    # how the file is packed and encoded
    ("spaces-alone", "a file of spaces", source("a.csv", "  \n \n"), "a.csv is empty"),
    ("gzip-of-text", "a .gz that is no gzip", source("a.csv.gz", "text"), "can't be unpacked or read"),
    (
        "gzip-cut",
        "a .gz that ends early",
        source("a.csv.gz", gzip.compress(ROWS.encode())[:60]),
        "can't be unpacked or",
    ),
    ("zstd-of-text", "a .zst that is no zstd", source("a.csv.zst", "text"), "can't be unpacked or read"),
    ("bzip2-of-text", "a .bz2 that is no bzip2", source("a.csv.bz2", "text"), "can't be unpacked or read"),
    ("xz-of-text", "a .xz that is no xz", source("a.csv.xz", "text"), "can't be unpacked or read"),
    ("zip-of-text", "a .zip that is no zip", source("a.zip", "text"), "can't be unpacked or read"),
    (
        "zip-of-two",
        "a zip of two files",
        source("a.zip", packed(["a.csv", "b.csv"])),
        "holds 2 files, and must hold one",
    ),
    ("zip-of-none", "an empty zip", source("a.zip", packed([])), "holds 0 files, and must hold one"),
    ("zip-of-word", "a zip of a .docx", source("a.zip", packed(["a.docx"])), "holds a.docx, which must end in .csv"),
    ("word", "a .docx", source("a.docx", "text"), "must end in .csv, .tsv"),
    ("no-suffix", "a file without a suffix", source("reviews", ROWS), "must end in .csv, .tsv"),
    ("tar", "a .tar.gz", source("a.tar.gz", ROWS), "must end in .csv, .tsv"),
    (
        "latin-1",
        "a file in cp1252",
        source("a.csv", "text,label\nsch\xf6n,1\n".encode("cp1252")),
        "is not UTF-8: 1 line",
    ),
    (
        "utf-16-no-mark",
        "UTF-16 without its mark",
        source("a.csv", ROWS.encode("utf-16-le")),
        "has zero bytes: set data.enc",
    ),
    ("zero-bytes", "zero bytes in a csv", source("a.csv", "text,label\na\0b,1\n"), "has zero bytes"),
    (
        "encoding-wrong",
        "UTF-8 read as cp1252",
        source("a.csv", "text,label\nschön,1\n", encoding="cp1252"),
        "a.csv is UTF-8",
    ),
    (
        "encoding-unfit",
        "bytes that data.encoding lacks",
        source("a.csv", b"text,label\n\x81\xff,1\n", encoding="ascii"),
        "is not ASCII",
    ),
    # csv
    ("header-alone", "a header without rows", source("a.csv", "text,label\n"), "data.source has no rows"),
    (
        "no-header",
        "a csv without a header",
        source("a.csv", "nice,1\nbad,0\n"),
        "If its first line is a row, name the columns in data.column_names",
    ),
    (
        "column-names-more",
        "more data.column_names than columns",
        source("a.csv", "a,1\nb,0\n", column_names=["text", "label", "source"]),
        "than the 3 of data.column_names: a.csv:1 has 2",
    ),
    (
        "class-folders-of-file",
        "a file where data.class_folders has a folder",
        source("a.csv", ROWS, class_folders=True),
        "a.csv is a file, and must be a folder with one for each label",
    ),
    (
        "class-folders-none",
        "a folder without one for each label",
        both(source("texts/a.txt", "a", class_folders=True), set_params(**{"data.source": f"{FOLDER}/texts"})),
        "texts must hold a folder for each label, with files in it",
    ),
    (
        "more-fields",
        "a row with more fields",
        source("a.csv", "text,label\na,1\nb,c,0\n"),
        "than the 2 of the header: a.csv:2 has 3",
    ),
    (
        "fewer-fields",
        "a row with fewer fields",
        source("a.csv", "text,label\na,1\nb\n"),
        "than the 2 of the header: a.csv:2 has 1",
    ),
    (
        "open-quote",
        "a quote that is not closed",
        source("a.csv", 'text,label\n"a,1\nb,0\n'),
        "near line 3: unexpected end of data",
    ),
    ("quote-inside", "a quote inside a quoted field", source("a.csv", 'text,label\n"a "b" c",1\n'), "near line 2: "),
    (
        "two-columns-of-a-name",
        "two columns of one name",
        source("a.csv", "text,text,label\na,b,1\n"),
        "two columns called text",
    ),
    ("capitals", "a header in capitals", source("a.csv", "TEXT,LABEL\na,1\n"), "(did you mean TEXT?)"),
    ("spelling", "a column spelt otherwise", source("a.csv", "texts,label\na,1\n"), "(did you mean texts?)"),
    ("odd-delimiter", "fields between ^", source("a.csv", "text^label\na^1\n"), "is data.delimiter another?"),
    ("wrong-delimiter", "a wrong data.delimiter", source("a.csv", ROWS, delimiter=";"), "is data.delimiter another?"),
    ("long-delimiter", "a delimiter of two letters", set_params(**{"data.delimiter": "||"}), "data.delimiter: "),
    ("no-such-encoding", "an encoding that isn't one", set_params(**{"data.encoding": "utf-9"}), "data.encoding: "),
    # other formats
    ("json-cut", "a JSON array that ends early", source("a.json", '[{"text": "a",'), "can't be read as json"),
    ("json-numbers", "a JSON array of numbers", source("a.json", "[1, 2]"), "item 1 is not an object"),
    (
        "json-object",
        "a JSON object without an array",
        source("a.json", '{"text": "a"}'),
        "must hold an array of objects",
    ),
    ("jsonl-cut", "a jsonl line that ends early", source("a.jsonl", '{"text": "a", "label": 1}\n{"te'), "line 2: "),
    ("jsonl-list", "a jsonl line that is a list", source("a.jsonl", '["a", 1]\n'), "line 1 is not an object"),
    (
        "jsonl-number",
        "a number for a text",
        source("a.jsonl", '{"text": 1, "label": 1}\n'),
        "1 row with a number or a list",
    ),
    (
        "jsonl-list-text",
        "a list for a text",
        source("a.jsonl", '{"text": ["a"], "label": 1}\n'),
        "1 row with a number or a",
    ),
    (
        "jsonl-list-label",
        "a list for a label",
        source("a.jsonl", '{"text": "a", "label": [1]}\n'),
        "1 row with several labels",
    ),
    ("parquet-of-text", "a .parquet that is none", source("a.parquet", "text"), "can't be read as parquet"),
    (
        "parquet-column",
        "a parquet without the column",
        source("a.parquet", parquet(body=["a"], label=[1])),
        "there is no column 'text'",
    ),
    (
        "parquet-number",
        "a parquet of numbers",
        source("a.parquet", parquet(text=[1.5], label=[1])),
        "1 row with a number or",
    ),
    ("arrow-of-text", "an .arrow that is none", source("a.arrow", "text of some length"), "can't be read as arrow"),
    ("excel-of-text", "an .xlsx that is none", source("a.xlsx", "text"), "can't be read as xlsx"),
    (
        "empty-folder",
        "a folder without data",
        both(write(f"{FOLDER}/sub/notes.md", "a"), set_params(**{"data.source": f"{FOLDER}/sub"})),
        "has no file that ends in",
    ),
    (
        "folder-mixed",
        "a folder with a file of other columns",
        both(
            write(f"{FOLDER}/sub/a.csv", ROWS),
            write(f"{FOLDER}/sub/b.csv", "body,label\na,1\n"),
            set_params(**{"data.source": f"{FOLDER}/sub"}),
        ),
        "there is no column 'text' in data/raw/sub/b.csv",
    ),
]


def own_cases(broken: list[tuple[str, str, Break, str]]) -> list[Case]:
    return [Case(f"own-{name}", what, how, [f"…{message}…"]) for name, what, how, message in broken]


CASES = own_cases(BROKEN)
