"""A row that can't be read is in the output with what is wrong, and costs no other."""

import json
from pathlib import Path

from exported import (
    LABELS,
    Runner,
    read_rows,
)


def test_bad_rows_are_named_and_do_not_stop_the_others(predict: Runner, tmp_path: Path) -> None:
    good = {"text": "a good film"}
    lines = [
        json.dumps(good).encode(),
        b'{"text": "a good film"',
        b"[1]",
        b'{"text": 7}',
        b'{"other": "a"}',
        b"",
        b'{"text": "caf\xe9"}',
        b'{"text": "half \\ud83d"}',
        b'{"text": "a good film", "error": 1}',
        b"[" * 100_000,
        b'{"text": "a good film"}\r',
    ]
    (tmp_path / "in.jsonl").write_bytes(b"\xef\xbb\xbf" + b"\n".join(lines))
    (tmp_path / "in.csv").write_bytes(
        b'id,text\n1,a good film\n2,a,b\n\n3\n4,"a" good film\n5,caf\xe9\n6,"a good film\n"\n7,a good film\n'
    )
    _, errors = predict("--input", tmp_path / "in.jsonl", tmp_path / "in.csv", "--output", tmp_path / "out.jsonl")
    rows = read_rows(tmp_path / "out.jsonl")
    reasons = [
        "",
        "not JSON",
        "not a JSON object",
        "text is not a string but 7",
        "no text",
        "not UTF-8",
        "text holds half of a character",
        "has a field error already",
        "not JSON",
        "",
        *["", "3 fields, and the header has 2", "1 fields", "not CSV", "not UTF-8", "", ""],
    ]
    assert len(rows) == len(reasons)
    for row, reason in zip(rows, reasons, strict=True):
        assert row["error"].startswith(reason)
        assert (row["error"] == "") == (reason == "") == (row["predicted_label"] in LABELS)
    assert len({row["predicted_label"] for row in rows} - {None}) == 1
    assert [line.split(": ")[0] for line in errors.splitlines()[:-1]] == [
        *(f"in.jsonl:{number}" for number in (2, 3, 4, 5, 7, 8, 9, 10)),
        *(f"in.csv:{number}" for number in (2, 3, 4, 5)),
    ]
    assert errors.splitlines()[-1].startswith("17 rows, 12 with an error; ")


def test_many_bad_rows_are_counted(predict: Runner) -> None:
    output, errors = predict("--input", "-", stdin=b"good\n" + b"\n" * 100)
    assert len(output.splitlines()) == 101
    assert len(errors.splitlines()) == 21
    assert errors.splitlines()[-1].startswith("101 rows, 100 with an error, the first 20 named above; ")
