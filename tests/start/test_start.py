"""From an unknown file to a pipeline that runs, by what `start` prints alone."""

import csv
import os
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest
from ruamel.yaml import YAML
from tiny import Clone

WORDS = [f"{number}" for number in range(2000)]  # the tiny base model knows them


def write_classes(path: Path, counts: dict[str, int], delimiter: str, encoding: str) -> None:
    """Write a file in which each class has words of its own."""
    random = Random(0)
    rows = []
    for number, (label, count) in enumerate(counts.items()):
        own = WORDS[number * 10 : number * 10 + 6]
        for _ in range(count):
            rows.append([label, " ".join(random.sample([*random.choices(own, k=4), *random.sample(WORDS, 12)], 16))])
    random.shuffle(rows)
    with path.open("w", newline="", encoding=encoding) as file:
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerow(["number", "Topic", "Body text"])
        writer.writerows([number, label, f"{text} für"] for number, (label, text) in enumerate(rows))


EIGHT = {f"news {letter}": count for letter, count in zip("abcdefgh", (150, 120, 90, 60, 50, 45, 42, 41), strict=True)}
FIFTY_TWO = {f"topic {n}": count for n, count in enumerate([90, 60, 40] + [12] * 30 + [3] * 11 + [2] * 4 + [1] * 4)}


def test_a_file_is_described_and_nothing_is_written(clone: Clone) -> None:
    write_classes(clone.folder / "my news.csv", EIGHT, ";", "cp1252")
    before = clone.read("params.yaml")
    said = clone.run("make", "--old-file", "setup", "start", "DATA=my news.csv")
    for line in [
        "its columns are separated by semicolons",
        "encoding: cp1252",
        "für",
        "columns: number, Topic, Body text",
        "label: Topic",
        "rows: 598 read",
        "classes: 8, news a 150,",
        "splits: train 418, validation 60, test 120",
        "training: 8 epochs; at most about",
        "  text_column: Body text\n  label_column: Topic\n",
    ]:
        assert line in said
    assert clone.read("params.yaml") == before
    assert not (clone.folder / "data/raw/my news.csv").exists()


@pytest.mark.parametrize(
    ("counts", "encoding"), [(EIGHT, "cp1252"), pytest.param(FIFTY_TWO, "utf-8", marks=pytest.mark.nightly)]
)
def test_one_command_leads_to_a_pipeline_that_runs(clone: Clone, counts: dict[str, int], encoding: str) -> None:
    write_classes(clone.folder / "news.csv", counts, ";", encoding)
    said = clone.run("python", "-m", "start", "news.csv", "--write")
    assert "# What the tests start from." in clone.read("params.yaml")  # the comments stay
    data = YAML(typ="safe").load(clone.folder / "params.yaml")["data"]
    assert (data["source"], data["text_column"], data["label_column"]) == ("data/raw/news.csv", "Body text", "Topic")
    rare = sum(count for count in counts.values() if count < 3)
    assert (f"{rare} rows dropped: 8 classes with fewer than 3 rows" in said) == (rare > 0)
    clone.run("dvc", "repro", *(["tokenize"] if counts is EIGHT else []))
    assert len(YAML(typ="safe").load(clone.folder / "data/prepared/labels.json")) == len(counts) - (8 if rare else 0)


@pytest.mark.nightly
def test_a_language_that_the_base_model_cannot_read_is_said_and_stops_the_pipeline(clone: Clone) -> None:
    random = Random(0)
    rows = [f"{''.join(random.choices('กขคงจฉชซญดตถทธนบปผ', k=50))},{number % 2}" for number in range(100)]
    (clone.folder / "thai.csv").write_text("\n".join(["text,label", *rows]), encoding="utf-8")
    said = clone.run("python", "-m", "start", "thai.csv", "--write")
    assert "script: Thai; 100% of the tokens are unknown" in said
    assert "set model.base to one that reads Thai" in said
    clone.run("python", "-m", "stages.prepare_data")
    assert "error: model.base: 100% of the tokens" in clone.run("python", "-m", "stages.tokenize", status=1)


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("content", "flags", "message"),
    [
        ("a,b\n1,2\n3,4\n5,6\n7,8\n", (), "no column looks like a label"),
        ("text,label\na b,1\nc d,0\ne f,1\n", ("--label-column", "lable"), "there is no column 'lable'"),
        ("text,label\na b,1\nc d,0\ne f,1\n", (), "classes with fewer than 3 rows"),
    ],
)
def test_what_cannot_be_used_gets_one_line(clone: Clone, content: str, flags: tuple[str, ...], message: str) -> None:
    (clone.folder / "odd.csv").write_text(content)
    said = clone.run("python", "-m", "start", "odd.csv", *flags, status=1)
    assert f"error: {said.partition('error: ')[2]}" in said
    assert message in said.partition("error: ")[2]
    assert "Traceback" not in said


@pytest.mark.nightly
def test_somebody_at_the_terminal_is_asked_where_columns_are_alike(clone: Clone) -> None:
    rows = [
        f"{number} words {number},other {number} words,{'ab'[number % 2]},{'xy'[number % 2]}" for number in range(60)
    ]
    (clone.folder / "alike.csv").write_text("\n".join(["headline,story,topic,class", *rows]))
    ours, theirs = os.openpty()
    os.write(ours, b"story\nnone\ntopic\n")
    command = [sys.executable, "-m", "start", "alike.csv"]
    said = subprocess.run(command, cwd=clone.folder, stdin=theirs, stdout=subprocess.PIPE, text=True, check=True).stdout
    assert "Which column is the text: story, headline?" in said
    assert "text: story" in said
    assert "there is no such column: 'none'" in said
    assert "label: topic" in said
