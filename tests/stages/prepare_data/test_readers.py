"""Files as people have them: what is read, said and refused."""

import bz2
import gzip
import json
import lzma
import zipfile
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pytest
import rows_on_disk
from rows_on_disk import data_params, read_files

from stages.common.errors import UserError
from stages.prepare_data.intake import read_selected

ROWS = [("one, two", "0"), ('say "hi"\nagain; and\tagain', "1"), ("NA", "1")]


def table() -> pd.DataFrame:
    return pd.DataFrame(ROWS, columns=["text", "label"])


def write(folder: Path, name: str) -> Path:
    """Write the rows in the format that the name asks for."""
    path = folder / name
    suffix, rows = path.suffix, table()
    if suffix == ".parquet":
        rows.astype({"label": "category"}).to_parquet(path)
    elif suffix == ".feather":
        pyarrow.feather.write_feather(rows.astype({"label": "category"}), str(path))
    elif suffix == ".arrow":
        with pa.ipc.new_stream(str(path), pa.Table.from_pandas(rows).schema) as stream:
            stream.write_table(pa.Table.from_pandas(rows))
    elif suffix == ".json":
        rows.to_json(path, orient="records")
    elif suffix == ".jsonl":
        rows.to_json(path, orient="records", lines=True)
    else:
        rows.to_csv(path, index=False, sep="\t" if suffix == ".tsv" else ",")
    return path


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.json", "a.jsonl", "a.parquet", "a.feather", "a.arrow"])
def test_every_format_gives_the_same_rows_packed_or_not(tmp_path: Path, name: str) -> None:
    content = write(tmp_path, name).read_bytes()
    (tmp_path / f"{name}.gz").write_bytes(gzip.compress(content))
    (tmp_path / f"{name}.bz2").write_bytes(bz2.compress(content))
    (tmp_path / f"{name}.xz").write_bytes(lzma.compress(content))
    (tmp_path / f"{name}.zst").write_bytes(pa.compress(content, codec="zstd", asbytes=True))
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(f"inside/{name}", content)
    for packed in (name, f"{name}.gz", f"{name}.bz2", f"{name}.xz", f"{name}.zst", "a.zip"):
        rows = read_files(tmp_path / packed)
        assert rows[["text", "label"]].values.tolist() == table().values.tolist(), packed
        assert rows.index.tolist() == [f"{packed}:{row}" for row in (1, 2, 3)]


@pytest.mark.parametrize(("delimiter", "said"), [(";", "semicolons"), ("\t", "tabs"), ("|", "bars"), (",", None)])
def test_the_delimiter_is_found_and_said(
    tmp_path: Path, delimiter: str, said: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.csv"
    rows = table()
    rows.loc[3:30] = ["a, b, c, and so on", "0"]
    rows.rename(columns={"text": " text "}).to_csv(path, index=False, sep=delimiter)
    assert read_files(path)["text"].tolist() == rows["text"].tolist()
    err = capsys.readouterr().err
    assert f"a.csv: its columns are separated by {said}" in err if said else "separated" not in err
    path.write_text(f"text;label\n{'long, ' * 40_000};0\n")
    assert read_files(path)["label"].tolist() == ["0"]
    path.write_text("text^label\na,b^0\n")
    assert read_files(path, delimiter="^")["text"].tolist() == ["a,b"]


def test_the_line_that_tells_excel_the_delimiter_is_no_header(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("sep=^\r\ntext^label\r\na;b^1\r\n")
    assert read_files(path)[["text", "label"]].to_dict("list") == {"text": ["a;b"], "label": ["1"]}


@pytest.mark.parametrize(
    ("encoding", "param"),
    [("utf-8-sig", None), ("utf-16", None), ("utf-32", None), ("cp1252", "cp1252"), ("shift_jis", "shift_jis")],
)
def test_encodings_are_those_that_a_mark_or_the_param_says(tmp_path: Path, encoding: str, param: str | None) -> None:
    text = "映画がとても好き" if encoding == "shift_jis" else "Crème brûlée"
    (tmp_path / "a.csv").write_bytes(f"text,label\n{text},1\n".encode(encoding))
    assert read_files(tmp_path / "a.csv", encoding=param)["text"].tolist() == [text]


def test_another_encoding_is_never_guessed_in_silence(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    rows = "".join(f"Der Film war schön und für Kinder großartig {number},{number % 2}\n" for number in range(30))
    path.write_bytes(f"text,label\n{rows}".encode("cp1252"))
    with pytest.raises(
        UserError, match=r"a\.csv is not UTF-8: 30 lines .* \(2, 3, .*It may be .*für.*: set data.encod"
    ):
        read_files(path)
    path.write_text("text,label\nschön,1\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"data\.encoding: .* is UTF-8, as its bytes show; however: latin-1"):
        read_files(path, encoding="latin-1")


def test_a_late_byte_that_is_not_utf8_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"text,label\n" + b"plain text of some length,1\n" * 60_000 + "für,1\n".encode("cp1252"))
    with pytest.raises(UserError, match=r"1 line can't be decoded \(60002\)"):
        read_files(path)


def test_excel_is_read_as_the_texts_that_its_cells_show(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    book.active.append(["about", "this"])
    sheet = book.create_sheet("reviews")
    for row in [["label", "text"], [1, "fine\nfilm"], [0, 1984], [None, None], [1, "last"]]:
        sheet.append(row)
    book.save(tmp_path / "a.xlsx")
    rows = read_files(tmp_path / "a.xlsx")
    assert rows[["text", "label"]].values.tolist() == [["fine\nfilm", "1"], ["1984", "0"], ["last", "1"]]
    assert "the sheet reviews is read, 1 others are not" in capsys.readouterr().err


def test_json_in_its_other_forms(tmp_path: Path) -> None:
    records = [{"text": text, "label": label} for text, label in ROWS]
    (tmp_path / "lines.json").write_text("".join(json.dumps(record) + "\n" for record in records))
    (tmp_path / "inside.json").write_text(json.dumps({"version": 1, "data": records}, indent=1))
    for name in ("lines.json", "inside.json"):
        assert read_files(tmp_path / name)["text"].tolist() == table()["text"].tolist()


def test_mixed_types_in_a_column_that_is_not_used_do_no_harm(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.jsonl"
    odd = [1, "two", [3], {"four": 4}, None, 10**30, True]
    path.write_text(
        "".join(json.dumps({"text": f"t{n}", "label": n % 2, "id": id_}) + "\n" for n, id_ in enumerate(odd))
    )
    rows = rows_on_disk.whole(*rows_on_disk.read({"": [path]}, data_params(), tmp_path))
    assert rows["id"].tolist()[:2] == ["1", "two"]
    rows.to_parquet(tmp_path / "a.parquet")
    assert "column id holds values of several types: they are kept as texts" in capsys.readouterr().err


def test_several_files_and_folders(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "notes.md").write_text("no data")
    write(tmp_path / "one", "a.csv")
    write(tmp_path / "two", "a.csv")
    (tmp_path / "two" / "b.csv").write_text("label,text,stars\n1,more,5\n")
    store = rows_on_disk.new_store(tmp_path_factory.mktemp("store"))
    rows, read_in_all = read_selected({"": [tmp_path]}, data_params(), store)
    assert read_in_all == len(rows) == 7
    assert rows["origin"].tolist()[0] == f"{tmp_path}/one/a.csv:1"
    assert rows["origin"].tolist()[-1] == "b.csv:1"
    assert "a.csv has no column stars: its rows have none there" in capsys.readouterr().err
    (tmp_path / "two" / "c.csv").write_text("review,label\n1,more\n")
    with pytest.raises(UserError, match=r"there is no column 'text' in .*two/c\.csv; the columns are review, label"):
        read_files([tmp_path])


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", "Text ,label\na,1\n", "did you mean Text"),
        ("a.csv", "text^label\na^1\n", "It has one column: is data.delimiter another?"),
        (
            "a.txt",
            "a fine film\n",
            "is data.delimiter another? Is each file a text? For these there is data.class_folders",
        ),
        ("a.txt", f"a fine film, {'and ' * 50}\n", "the columns are a fine film, and and"),
        ("a.txt", f"a fine film, {'and ' * 50}\n", "…. If its first line is a row, name"),
        ("a.csv", "nice film,1\nbad film,0\n", "If its first line is a row, name the columns in data.column_names"),
        ("a.csv", "text,text,label\na,b,1\n", "has two columns called text: rename one"),
        (
            "a.csv",
            "text,label\na,1\nb,1,2\nc\n",
            "2 rows with another number of fields than the 2 of the header: a.csv:2",
        ),
        ("a.csv", 'text,label\n"open,1\n' + "b,0\n" * 10, "near line 12"),
        ("a.csv", "text,label\n\0\0,1\n", "has zero bytes"),
        ("a.json", '{"a": 1}', "must hold an array of objects"),
        ("a.json", "[1, 2]", "item 1 is not an object"),
        ("a.json", '[{"text": ', "can't be read as json"),
        ("a.parquet", "text", "can't be read as parquet"),
        ("a.arrow", "text", "can't be read as arrow"),
        ("a.xlsx", "text", "can't be read as xlsx"),
        ("a.csv.gz", "text", "can't be unpacked"),
        ("a.csv.zst", "text", "can't be unpacked"),
        ("a.zip", "text", "can't be unpacked"),
        ("a.tar", "text", "must end in .csv"),
    ],
)
def test_what_cannot_be_read_is_refused_in_one_line(tmp_path: Path, name: str, content: str, message: str) -> None:
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(UserError) as error:
        read_files(path)
    assert message in str(error.value)
    assert str(path) in str(error.value) or "a.csv:2" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_zip_of_several_files_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.csv", "")
        archive.writestr("b.csv", "")
    with pytest.raises(UserError, match="holds 2 files, and must hold one"):
        read_files(tmp_path / "a.zip")
