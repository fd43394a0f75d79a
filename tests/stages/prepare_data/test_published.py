"""Data sets as they are published: files of other habits, folders of texts, what `datasets` saves."""

import bz2
from pathlib import Path

import datasets
import pandas as pd
import pytest
import rows_on_disk
from rows_on_disk import data_params, read_files

from stages.common.errors import UserError
from stages.prepare_data.columns import GIVEN


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.xlsx"])
def test_a_file_without_a_header_has_the_columns_that_the_params_name(tmp_path: Path, name: str) -> None:
    rows = [["1", "a title", "a fine film"], ["0", "another", "a bad one"]]
    if name == "a.xlsx":
        book = pytest.importorskip("openpyxl").Workbook()
        for row in rows:
            book.active.append(row)
        book.save(tmp_path / name)
    else:
        pd.DataFrame(rows).to_csv(tmp_path / name, index=False, header=False, sep="\t" if name == "a.tsv" else ",")
    names = ["label", "title", "text"]
    assert read_files(tmp_path / name, column_names=names)[names].values.tolist() == rows
    with pytest.raises(UserError, match=r"data\.column_names"):
        read_files(tmp_path / name, column_names=["label", "text"])


def test_quotes_may_be_letters_like_others(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    path.write_text('text\tlabel\n"What a film\t1\nSo "good", he said\t0\nnot "bad"\t1\n')
    with pytest.raises(UserError, match=r"set data\.quoting to false"):
        read_files(path)
    assert read_files(path, quoting=False)["text"].tolist() == ['"What a film', 'So "good", he said', 'not "bad"']


def test_lines_of_fasttext(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.txt.bz2").write_bytes(
        bz2.compress(b"__label__1 a fine film\n\n__label__0 __label__2 a bad, one\nnone\n")
    )
    assert read_files(tmp_path / "a.txt.bz2").values.tolist() == [
        ["a fine film", "1"],
        ["a bad, one", ["0", "2"]],
        ["none", ""],
    ]
    assert read_files(tmp_path / "a.txt.bz2", multi_label=True)["label"].tolist() == [["1"], ["0", "2"], []]
    assert "a.txt.bz2: read as fastText's lines" in capsys.readouterr().err
    (tmp_path / "a.txt").write_bytes("__label__1 schön\n".encode("cp1252"))
    with pytest.raises(UserError, match=r"set data\.encoding"):
        read_files(tmp_path / "a.txt")


def test_folders_of_labels_are_read_a_file_a_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, text in {
        "train/pos/2_9.txt": "a fine film\nand more",
        "train/pos/10_8": "schön",
        "train/neg/1_1.txt": "a bad one",
        "train/neg/.hidden": "",
        "train/urls.txt": "none",
        "test/pos/1_9\udcff.txt": "a fine test",  # a byte that is not UTF-8
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    params = data_params(class_folders=True)
    files = {split: [tmp_path / split] for split in ("train", "test")}
    found, store = rows_on_disk.read(files, params, tmp_path)
    assert found[GIVEN].tolist() == ["train", "train", "train", "test"]
    rows = rows_on_disk.whole(found, store)
    assert rows[["file", "label", "text"]].values.tolist() == [
        ["neg/1_1.txt", "neg", "a bad one"],
        ["pos/10_8", "pos", "schön"],
        ["pos/2_9.txt", "pos", "a fine film and more"],
        ["pos/1_9?.txt", "pos", "a fine test"],
    ]
    assert rows["origin"].iloc[0] == f"{tmp_path}/train/neg/1_1.txt:1"
    assert "1 file in" in (said := capsys.readouterr().err)
    assert "left out" in said
    (tmp_path / "train/neg/2.txt").write_bytes("schön".encode("cp1252"))
    with pytest.raises(UserError, match=r"neg/2\.txt is not UTF-8.*data\.encoding"):
        read_files(tmp_path / "train", class_folders=True)
    with pytest.raises(UserError, match=r"2\.txt is a file, and must be a folder"):
        read_files(tmp_path / "train/neg/2.txt", class_folders=True)
    with pytest.raises(UserError, match="must hold a folder for each label"):
        read_files(tmp_path / "test/pos", class_folders=True)


def test_what_save_to_disk_leaves(tmp_path: Path) -> None:
    rows = datasets.Dataset.from_dict({"text": ["a", "b"], "label": ["bad", "good"]}).class_encode_column("label")
    datasets.DatasetDict({"train": rows, "test": rows}).save_to_disk(tmp_path / "all")
    rows.save_to_disk(tmp_path / "one")
    found = read_files(tmp_path / "all")
    assert found["label"].tolist() == ["bad", "good"] * 2
    assert found["split"].tolist() == ["train", "train", "test", "test"]
    assert read_files(tmp_path / "one").to_dict("list") == {"text": ["a", "b"], "label": ["bad", "good"]}
    (tmp_path / "one/data-00000-of-00001.arrow").unlink()
    with pytest.raises(UserError, match="one can't be loaded"):
        read_files(tmp_path / "one")
