"""Files that `make start` looks at."""

from bad_inputs import Case, both, write
from bad_inputs.cases.data import ROWS

CASES = [
    Case(
        "start-twice",
        "two columns of one name",
        write("mine.csv", ROWS.replace("text,label", "text,text,label").replace(" is", ",is")),
        ["mine.csv has two columns called text: rename one"],
        command="start mine.csv",
    ),
    Case(
        "start-header",
        "a file with column names only",
        write("mine.csv", "text,label\n"),
        ["mine.csv has no rows, only names of columns (text, label)"],
        command="start mine.csv",
    ),
    Case(
        "start-texts",
        "a file for each text, and no folder for each label",
        both(write("mine/1.txt", "I loved it"), write("mine/2.txt", "I hated it")),
        ["mine/1.txt has no rows, only …; texts that are a file each belong in a folder for each label"],
        command="start mine",
    ),
    Case(
        "start-test-without-labels",
        "a test.csv without labels, as competitions give one",
        both(write("mine/train.csv", ROWS), write("mine/test.csv", "text\na film\n")),
        ["mine/test.csv has no column 'label', so no model can be judged by it: name mine/train.csv alone, and let …"],
        command="start mine",
    ),
]
