"""The labels, splits and corrections in them."""

from bad_inputs import Break, set_params, write
from bad_inputs.cases.own_data import ROWS, own_cases, source


def labels(values: list, **changes: object) -> Break:
    lines = [f"text number {n} of {n * 7},{value}\n" for n, value in enumerate(values)]
    return source("a.csv", "text,label\n" + "".join(lines), **{"labels": None, **changes})


BROKEN: list[tuple[str, str, Break, str]] = [
    # labels
    ("no-label", "a row without a label", labels([1, "", 0]), "1 row without a label: a.csv:2"),
    (
        "unnamed-label",
        "a label that data.labels lacks",
        labels([1, 0, 2], labels={0: "no", 1: "yes"}),
        "does not name ('2'): a.csv:3",
    ),
    (
        "near-label",
        "a label spelt otherwise",
        labels(["pos", "neg", "neq"], labels={"pos": "p", "neg": "n"}),
        "(did you mean neg?)",
    ),
    (
        "label-capitals",
        "labels that differ in capitals",
        labels(["earn", "EARN", "acq"]),
        "differ in capitals or spaces alone",
    ),
    (
        "label-fractions",
        "numbers with fractions",
        labels([0.5, 1.25, 3]),
        "predicting a number (regression) is not what this",
    ),
    ("label-lists", "labels written as lists", labels(["[1]", "[2]"]), "2 rows with several labels"),
    ("one-class", "one label for all", labels([1, 1, 1]), "all 3 rows are labelled 1"),
    (
        "absent-class",
        "a class without rows",
        labels([0, 1], labels={0: "a", 1: "b", 2: "c"}),
        "names c, but no row has that label",
    ),
    (
        "rare-classes",
        "classes of one and two rows",
        labels(["a"] * 9 + ["b", "c", "c"]),
        "2 classes with fewer than 3 rows: b (1), c (2)",
    ),
    (
        "rare-merged",
        "rare classes too few to merge",
        labels(["a"] * 9 + ["b"], rare_classes="merge"),
        "merged, the rare classes have 1 row",
    ),
    (
        "rare-dropped",
        "one class left without the rare",
        labels(["a"] * 9 + ["b"], rare_classes="drop"),
        "drop leaves 1 of the classes",
    ),
    (
        "label-is-text",
        "one column for text and label",
        set_params(**{"data.label_column": "text"}),
        "must not be the text's column",
    ),
    (
        "pair-is-text",
        "one column for both texts of a pair",
        set_params(**{"data.text_pair_column": "text"}),
        "data.text_pair_column: must not be the text's column",
    ),
    (
        "no-pair-column",
        "a column of second texts that is not there",
        set_params(**{"data.text_pair_column": "answer"}),
        "data.text_pair_column: there is no column 'answer'",
    ),
    # splits
    (
        "too-few",
        "more rows asked for than there are",
        set_params(**{"data.test_rows": 500}),
        "too few rows are left for the test split",
    ),
    (
        "fewer-than-classes",
        "one test row for two classes",
        set_params(**{"data.test_rows": 1}),
        "must have a row for each of the 2 classes",
    ),
    (
        "no-size",
        "no size, and no split given",
        set_params(**{"data.test_rows": None}),
        "data.test_rows: null takes all of a given split",
    ),
    (
        "all-empty",
        "texts that are all empty",
        source("a.csv", "text,label\n" + "<br>,1\n&nbsp;,0\n" * 5),
        "no row is left: 10 empty",
    ),
    (
        "all-conflict",
        "one text with two labels",
        source("a.csv", "text,label\n" + "same,1\nSame!,0\n" * 5),
        "no row is left",
    ),
    (
        "no-group-column",
        "a group column that isn't there",
        set_params(**{"data.group_column": "user"}),
        "data.group_column: there is no column",
    ),
    (
        "no-split-column",
        "a split column that isn't there",
        set_params(**{"data.split_column": "part"}),
        "data.split_column: there is no column",
    ),
    (
        "unknown-split",
        "a split of another name",
        source("a.csv", "text,label,part\na,1,train\nb,0,holdout\n", split_column="part"),
        "1 row with another split in data.split_column ('holdout')",
    ),
    (
        "no-train",
        "no row in the train split",
        source("a.csv", "text,label,part\na,1,test\nb,0,test\n", split_column="part"),
        "no row is in the train split",
    ),
    (
        "source-of-test",
        "a source for test alone",
        set_params(**{"data.source": {"test": "data/raw/tiny.csv"}}),
        "train and one of validation and test",
    ),
    (
        "bad-time",
        "a time that could be two days",
        source(
            "a.csv",
            ROWS.replace("label\n", "label,when\n", 1)
            .replace(",0\n", ",0,01/02/2024\n")
            .replace(",1\n", ",1,2024-01-01\n"),
            time_column="when",
        ),
        "without a time that can be read",
    ),
    (
        "time-and-splits",
        "two ways to split",
        set_params(**{"data.split_column": "text", "data.time_column": "label"}),
        "both say which rows are in which split",
    ),
    # corrections
    (
        "correction-class",
        "a correction to no class",
        write("data/corrections.csv", "row_id,label\na,great\n"),
        "line 2: 'great' is neither a class nor drop",
    ),
    (
        "correction-columns",
        "corrections with other columns",
        write("data/corrections.csv", "id,label\na,positive\n"),
        "must have the columns row_id, label",
    ),
    (
        "correction-bytes",
        "corrections that are no text",
        write("data/corrections.csv", b"row_id,label\n\xff,\xfe\n"),
        "data/corrections.csv can't be read: …: mend it, as a CSV file",
    ),
    (
        "correction-quote",
        "corrections with a quote that is not closed",
        write("data/corrections.csv", 'row_id,label\n"a,positive\n'),
        "data/corrections.csv can't be read: …: mend it, as a CSV file",
    ),
    (
        "correction-wide",
        "corrections with too many fields",
        write("data/corrections.csv", "row_id,label\na,positive,b,c\n"),
        "must have the columns row_id, label; however: …",
    ),
    (
        "correction-twice",
        "a row corrected twice",
        write("data/corrections.csv", "row_id,label\na,positive\na,negative\n"),
        "corrects a twice",
    ),
]

CASES = own_cases(BROKEN)
