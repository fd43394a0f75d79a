"""What is given to `predict`."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from bad_inputs import Break, Case, both, fifo, nothing, write

BAD_NAME = "b\udcff.csv"  # the byte 255, as Python has it


def link(path: str, target: str) -> Break:
    return lambda folder: (folder / path).symlink_to(target)


def parquet(path: str, **columns: list[object]) -> Break:
    return lambda folder: pq.write_table(pa.table(columns), folder / path)


def folder_at(path: str) -> Break:
    return lambda folder: (folder / path).mkdir()


def cut_parquet(folder: Path) -> None:
    parquet("in.parquet", text=["good"] * 100)(folder)
    content = (folder / "in.parquet").read_bytes()
    write("in.parquet", content[:-20])(folder)


def case(name: str, broken: str, how: Break, line: str, arguments: str = "", **more: object) -> Case:
    command = f"predict {arguments or '--input in.csv --output out.csv'}"
    return Case(f"predict-{name}", broken, how, [line], command=command, **more)  # type: ignore[arg-type]


GOOD = write("in.csv", "text\ngood\n")
JSONL = "--input in.jsonl --output out.jsonl"
PARQUET = "--input in.parquet --output out.parquet"

CASES = [
    case("no-file", "no such file", nothing, "there is no file in.csv"),
    case("a-folder", "an input that is a folder", folder_at("in.csv"), "in.csv is not a file"),
    case("a-pipe", "an input that is a pipe", fifo("in.csv"), "in.csv is not a file"),
    case("loop", "an input that is a link to itself", link("in.csv", "in.csv"), "there is no file in.csv"),
    case(
        "suffix",
        "a file of unknown suffix",
        write("in.doc", "a"),
        "in.doc: its suffix is not one of …",
        "--input in.doc",
    ),
    case(
        "empty-csv", "a csv of no bytes", write("in.csv", ""), "in.csv is empty: its first line must name the columns"
    ),
    case("blank-csv", "a csv of one blank line", write("in.csv", "\n"), "in.csv is empty: its first line must name …"),
    case("no-column", "no text column", write("in.csv", "a,b\n1,2\n"), "in.csv has no column text; it has a, b. Say …"),
    case("two-columns", "two columns of one name", write("in.csv", "text,text\n"), "in.csv has two columns text"),
    case(
        "open-header",
        "a header with an open quote",
        write("in.csv", '"text\n'),
        "in.csv has no header that can be read: …",
    ),
    case(
        "latin-header",
        "a header that is not UTF-8",
        write("in.csv", b"text,\xe9\n"),
        "in.csv is not UTF-8: save it as UTF-8",
    ),
    case(
        "utf16", "a file in UTF-16", write("in.csv", "text\na\n".encode("utf-16")), "in.csv is UTF-16: save it as UTF-8"
    ),
    case("added", "a column that predict adds", write("in.csv", "text,error\n"), "in.csv has a column error, which …"),
    case(
        "added-top",
        "a column that predict adds with --top-k",
        write("in.csv", "text,predicted_label_2\n"),
        "in.csv has a column predicted_label_2, which the prediction adds: rename or drop it",
        "--input in.csv --top-k 2",
    ),
    case(
        "top-k",
        "more labels than there are",
        nothing,
        "the model has 2 labels: --top-k is at most that, not 3",
        "--top-k 3 good",
    ),
    case(
        "no-label",
        "no label column",
        GOOD,
        "in.csv has no column stars; it has text. Say --label-column",
        "--input in.csv --label-column stars",
    ),
    case("empty-text", "an empty text", nothing, "text 1 of 1 is empty", "''"),
    case(
        "no-fields",
        "jsonl without a text",
        write("in.jsonl", '{"a": 1}\n'),
        "in.jsonl has no field text in its first …",
        JSONL,
    ),
    case(
        "jsonl-csv", "csv named .jsonl", write("in.jsonl", "text\n"), "in.jsonl has no field text in its first …", JSONL
    ),
    case(
        "no-parquet",
        "text named .parquet",
        write("in.parquet", "text\n"),
        "in.parquet is not a parquet file: …",
        PARQUET,
    ),
    case(
        "cut-parquet", "a parquet file that is cut short", cut_parquet, "in.parquet is not a parquet file: …", PARQUET
    ),
    case(
        "parquet-column",
        "parquet without a text",
        parquet("in.parquet", a=[1]),
        "in.parquet has no column text; …",
        PARQUET,
    ),
    case(
        "stdin-csv",
        "csv from standard input",
        nothing,
        "standard input is read as txt or jsonl, not as csv",
        "--input - --input-format csv",
    ),
    case("stdin-twice", "standard input twice", nothing, "standard input can be read once: …", "--input - -"),
    case(
        "output-suffix",
        "an output of unknown suffix",
        GOOD,
        "out.xls: the suffix of an output is one …",
        "--input in.csv --output out.xls",
    ),
    case(
        "output-folder",
        "an output in no folder",
        GOOD,
        "there is no folder no to write out.csv to",
        "--input in.csv --output no/out.csv",
    ),
    case("output-is-folder", "an output that is a folder", both(GOOD, folder_at("out.csv")), "out.csv is a folder: …"),
    case("output-pipe", "an output that is a pipe", both(GOOD, fifo("out.csv")), "out.csv is no file: …"),
    case(
        "output-input", "an output that is the input", GOOD, "in.csv is an input: …", "--input in.csv --output in.csv"
    ),
    case(
        "output-link",
        "an output that is a link to the input",
        both(GOOD, link("out.csv", "in.csv")),
        "…in.csv is an input: …",
    ),
    case(
        "spreadsheet",
        "jsonl for a spreadsheet",
        GOOD,
        "--spreadsheet is for an --output that ends …",
        "--input in.csv --spreadsheet",
    ),
    case(
        "no-model",
        "a model folder that is none",
        nothing,
        "nowhere/manifest.json is missing: …",
        "--model nowhere good",
    ),
    case(
        "pair-of-single",
        "a second text for a model of single ones",
        nothing,
        "the model takes single texts: leave out --pair",
        "good --pair bad",
    ),
    case(
        "pair-column-of-single",
        "a column of second texts for such a model",
        write("in.csv", "text,answer\ngood,bad\n"),
        "the model takes single texts: leave out --text-pair-column",
        "--input in.csv --text-pair-column answer",
    ),
    case("bad-name", "an input whose name is not UTF-8", nothing, "there is no file b…", f"--input {BAD_NAME}"),
    case(
        "full-disk",
        "a full disk",
        write("in.csv", "text\n" + "a good film\n" * 300),
        "File too large: …",
        file_size=2000,
        leaves=(".out.csv*",),
    ),
]
