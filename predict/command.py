"""Classify texts, or the rows of files, with an exported model.

    python -m predict "This movie was fantastic!"
    python -m predict "Is it any good?" --pair "It is superb."
    python -m predict --input reviews.csv --output predictions.csv
    python -m predict --input labelled.csv --label-column label
    cat reviews.txt | python -m predict --input - > predictions.jsonl

Every input row gives an output row, in the same order, with its columns and predicted_label, predicted_probability and
error, which says what is wrong with a row that can't be predicted. A model that gives any number of labels adds the
lists predicted_labels and predicted_probabilities instead. A run with an --output that was stopped, by
whatever, goes on when the same command is given again.

With --label-column the scores are printed, with 95 % intervals, and rows are written where --output says.

Exit status: 0; 1 for a mistake; 2 for a wrong option; 3 when every row had an error, or, with --fail-on-error, any;
130 for Ctrl-C.
"""

import argparse
import io
import json
import os
import sys
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from predict.errors import PredictError
from predict.manifest import read_manifest
from predict.readers import READERS, open_sources
from predict.rows import SURROGATE, Columns, Source, one_line
from predict.writers import DECIMALS

if TYPE_CHECKING:
    from predict.classifier import Classifier

PRECISIONS = ("int8", "fp32")
ROWS_FAILED = 3  # exit status
NO_LABEL = "(no label)"


def run() -> int:
    """Run the command line and return the exit status.

    Raises:
        PredictError: for a mistake of the user's.
    """
    chosen = parse_arguments()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a label may not be in its encoding
    return predict_texts(chosen) if chosen.texts else predict_inputs(chosen)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m predict", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("texts", nargs="*", metavar="TEXT", help="texts to classify: prints label and probability")
    add("--pair", nargs="+", metavar="TEXT", help="the second text of each TEXT, where the model takes pairs")
    add("--json", action="store_true", help="print TEXTs, or scores, as JSON, an object a line")
    add("--input", nargs="+", metavar="FILE", help="csv, tsv, jsonl, parquet or txt (a text a line); - is stdin")
    add("--output", metavar="FILE", help="csv, tsv, jsonl or parquet; - or none is standard output, as jsonl")
    add("--text-column", default="text", metavar="NAME", help="where the text stands (default: text)")
    add("--text-pair-column", metavar="NAME", help="where the second text stands, where the model takes pairs")
    add("--label-column", metavar="NAME", help="where the true label stands: prints the scores of the predictions")
    add("--top-k", type=positive, metavar="K", help="give the K likeliest labels")
    formats = "of all inputs (default: by suffix; txt from standard input); file: a text a file, also of a folder"
    add("--input-format", choices=sorted(READERS), help=formats)
    add("--fail-on-error", action="store_true", help=f"exit with {ROWS_FAILED} when any row has an error")
    add(
        "--spreadsheet", action="store_true", help="csv and tsv that a spreadsheet won't run: ' before = + - @ in cells"
    )
    add("--model", type=Path, metavar="FOLDER", help="the exported folder (default: the nearest one)")
    add("--precision", choices=PRECISIONS, help="of the model (default: int8, unless the export found it to differ)")
    add("--threads", type=positive, metavar="N", help="processor threads (default: one for each core)")
    chosen = parser.parse_args()
    if bool(chosen.texts) == bool(chosen.input):
        parser.error("give either TEXTs or --input")
    if chosen.pair and len(chosen.pair) != len(chosen.texts):
        parser.error(
            f"--pair gives each TEXT its second one: {len(chosen.texts)} TEXTs, and {len(chosen.pair)} of these"
        )
    for option in ("output", "text_pair_column", "label_column", "fail_on_error", "spreadsheet"):
        if chosen.texts and getattr(chosen, option):
            parser.error(f"--{option.replace('_', '-')} goes with --input")
    return chosen


def positive(value: str) -> int:
    if not (value.isascii() and value.isdecimal() and int(value[:9]) >= 1 and len(value) < 9):
        raise argparse.ArgumentTypeError(f"{value} is not a number from 1 on")
    return int(value)


def load_classifier(chosen: argparse.Namespace) -> "Classifier":
    if chosen.threads:
        os.environ["RAYON_NUM_THREADS"] = str(chosen.threads)  # the tokenizer's, read when it starts
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # NumPy's threads would have nothing to do
    try:
        from predict.classifier import Classifier  # here, so that --help and a wrong argument cost nothing
    except ImportError as error:
        needs = "predict needs onnxruntime and tokenizers: pip install onnxruntime tokenizers"
        raise PredictError(f"{needs} ({one_line(error)})") from error
    classifier = Classifier(model_folder(chosen), chosen.precision, chosen.threads)
    if (chosen.top_k or 1) > len(classifier.labels):
        raise PredictError(
            f"the model has {len(classifier.labels)} labels: --top-k is at most that, not {chosen.top_k}"
        )
    if classifier.pairs != bool(chosen.pair or chosen.text_pair_column):
        option = "--pair" if chosen.texts else "--text-pair-column"
        raise PredictError(
            f"the model takes pairs of texts: give the second one by {option}"
            if classifier.pairs
            else f"the model takes single texts: leave out {option}"
        )
    return classifier


def model_folder(chosen: argparse.Namespace) -> Path:
    """Return the folder asked for, or the one that this package was copied into, or else models/export beside it."""
    if chosen.model:
        return chosen.model
    parent = Path(__file__).resolve().parents[1]
    return parent if (parent / "manifest.json").is_file() else parent / "models" / "export"


def predict_texts(chosen: argparse.Namespace) -> int:
    """Print the label and probability of each text on a line."""
    texts = [chosen.texts, chosen.pair] if chosen.pair else [chosen.texts]
    if any(map(SURROGATE.search, chain(*texts))):
        raise PredictError("a text is not UTF-8")
    classifier = load_classifier(chosen)
    try:
        probabilities = classifier.probabilities(*texts)
    except ValueError as error:
        raise PredictError(str(error)) from error
    columns = Columns(top=chosen.top_k, several=classifier.thresholds is not None)
    for row, answers in zip(zip(*texts, strict=True), classifier.answers(probabilities, chosen.top_k), strict=True):
        if chosen.json:
            rounded = [(label, round(probability, DECIMALS)) for label, probability in answers]
            added = dict(zip(columns.added, columns.values(rounded), strict=False))
            print_json(dict(zip(("text", "text_pair"), row, strict=False)) | added)
        else:
            print("\t".join(f"{label}\t{probability:.4f}" for label, probability in answers) or NO_LABEL)
    return 0


def print_json(content: dict[str, Any]) -> None:
    """Print an object on a line, in ASCII where standard output takes nothing else."""
    print(json.dumps(content, ensure_ascii=(sys.stdout.encoding or "").lower() not in ("utf-8", "utf8")))


def predict_inputs(chosen: argparse.Namespace) -> int:
    """Write the rows of the inputs with their predictions, or print their scores, or both."""
    manifest = read_manifest(model_folder(chosen))
    several, separator = manifest.get("thresholds") is not None, manifest.get("label_separator")
    texts = chosen.text_column, chosen.text_pair_column
    columns = Columns(*texts, chosen.label_column, chosen.top_k, several, separator)
    sources = open_sources(chosen.input, columns, chosen.input_format)
    output = None if chosen.output in (None, "-") else find_output(chosen.output, sources)
    classifier = load_classifier(chosen)
    from predict.job import Job, predict_files

    job = Job(
        sources,
        columns,
        output,
        write=chosen.output is not None or chosen.label_column is None,
        spreadsheet=chosen.spreadsheet,
        options={"input_format": chosen.input_format, "precision": classifier.precision},
    )
    tally = predict_files(classifier, job)
    if chosen.label_column:
        scores = tally.scores()
        counts = {"rows": tally.rows, "errors": tally.bad, "other_labels": tally.other_labels}
        report = json.dumps({**counts, **scores}) if chosen.json else tally.text(scores)
        print(report, file=sys.stderr if chosen.output == "-" else sys.stdout)
    failed = tally.bad if chosen.fail_on_error else tally.rows and tally.bad == tally.rows
    return ROWS_FAILED if failed else 0


def find_output(name: str, sources: list[Source]) -> Path:
    """Return where an output goes: behind a link, which stays.

    Raises:
        PredictError: when it is an input.
    """
    output = Path(os.path.realpath(name)) if Path(name).is_symlink() else Path(name)
    if any(source.path and output.resolve() == source.path.resolve() for source in sources):
        raise PredictError(f"{output} is an input: --output names another file")
    return output
