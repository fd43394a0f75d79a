"""Classify texts, or the rows of files, with an exported model.

    python -m predict "This movie was fantastic!"
    python -m predict --input reviews.csv --output predictions.csv
    cat reviews.txt | python -m predict --input - > predictions.jsonl

Every input row gives an output row, in the same order, with its columns and predicted_label, predicted_probability and
error, which says what is wrong with a row that can't be predicted. A run with an --output that was stopped, by
whatever, goes on when the same command is given again.
"""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from predict.errors import PredictError
from predict.readers import FORMATS, open_sources
from predict.writers import DECIMALS

if TYPE_CHECKING:
    from predict.classifier import Classifier

PRECISIONS = ("int8", "fp32")


def main() -> None:
    """Run the command line; a user's mistake is one line and exit status 1."""
    chosen = parse_arguments()
    try:
        predict_texts(chosen) if chosen.texts else predict_inputs(chosen)
    except PredictError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nobody reads any more
        sys.exit(1)
    except OSError as error:
        sys.exit(f"error: {error.filename}: {error.strerror}" if error.filename else f"error: {error}")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m predict", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("texts", nargs="*", metavar="TEXT", help="texts to classify: prints label and probability")
    parser.add_argument("--json", action="store_true", help="for TEXTs, print an object a line")
    parser.add_argument(
        "--input",
        nargs="+",
        metavar="FILE",
        help="csv, tsv, jsonl, parquet or txt (a text a line); - is standard input",
    )
    parser.add_argument(
        "--output", metavar="FILE", help="csv, tsv, jsonl or parquet; - or none is standard output, as jsonl"
    )
    parser.add_argument("--text-column", default="text", metavar="NAME", help="where the text stands (default: text)")
    parser.add_argument(
        "--input-format",
        choices=sorted(set(FORMATS.values())),
        help="of all inputs (default: by suffix; txt from standard input)",
    )
    parser.add_argument("--model", type=Path, metavar="FOLDER", help="the exported folder (default: the nearest one)")
    parser.add_argument("--precision", choices=PRECISIONS, default="int8", help="of the model (default: int8)")
    parser.add_argument("--threads", type=positive, metavar="N", help="processor threads (default: one for each core)")
    chosen = parser.parse_args()
    if bool(chosen.texts) == bool(chosen.input):
        parser.error("give either TEXTs or --input")
    if chosen.texts and chosen.output:
        parser.error("--output goes with --input")
    return chosen


def positive(value: str) -> int:
    if not value.isdecimal() or int(value) < 1:
        raise argparse.ArgumentTypeError(f"{value} is not a number from 1 on")
    return int(value)


def load_classifier(chosen: argparse.Namespace) -> "Classifier":
    if chosen.threads:
        os.environ["RAYON_NUM_THREADS"] = str(chosen.threads)  # the tokenizer's, read when it starts
    from predict.classifier import Classifier  # here, so that --help and a wrong argument cost nothing

    return Classifier(chosen.model or default_folder(), chosen.precision, chosen.threads)


def default_folder() -> Path:
    """Return the exported folder that this package was copied into, or else models/export beside the package."""
    parent = Path(__file__).resolve().parents[1]
    return parent if (parent / "manifest.json").is_file() else parent / "models" / "export"


def predict_texts(chosen: argparse.Namespace) -> None:
    """Print the label and probability of each text on a line."""
    classifier = load_classifier(chosen)
    try:
        found = classifier.probabilities(chosen.texts)
    except UnicodeEncodeError as error:
        raise PredictError("a text is not UTF-8") from error
    except ValueError as error:
        raise PredictError(str(error)) from error
    for text, row in zip(chosen.texts, found, strict=True):
        label, probability = classifier.labels[int(row.argmax())], float(row.max())
        if chosen.json:
            result = {
                "text": text,
                "predicted_label": label,
                "predicted_probability": round(probability, DECIMALS),
            }
            print(json.dumps(result, ensure_ascii=False))
        else:
            print(f"{label}\t{probability:.4f}")


def predict_inputs(chosen: argparse.Namespace) -> None:
    """Write the rows of the inputs with their predictions."""
    sources = open_sources(chosen.input, chosen.text_column, chosen.input_format)
    output = None if chosen.output in (None, "-") else Path(chosen.output)
    if output and any(source.path and output.resolve() == source.path.resolve() for source in sources):
        raise PredictError(f"{output} is an input: --output names another file")
    classifier = load_classifier(chosen)
    from predict.job import predict_files

    options = {"text_column": chosen.text_column, "input_format": chosen.input_format, "precision": chosen.precision}
    predict_files(classifier, sources, output, options)


if __name__ == "__main__":
    main()
