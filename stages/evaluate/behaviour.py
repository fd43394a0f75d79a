"""Ask a classifier what any user would: a suite of small tests in a file that users extend.

The kinds of test are those of Ribeiro et al., Beyond accuracy: behavioral testing of NLP models with CheckList, 2020.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from stages.common.errors import UserError

MAX_FALL = 0.1  # of a probability, that a direction test lets pass: CheckList's tolerance
KINDS = ("minimum_functionality", "invariance", "direction")
COLUMNS = ["test", "kind", "failed", "expected", "text", "predicted", "p_expected"]
COLUMNS += [f"changed_{name}" for name in COLUMNS[-3:]]
Text = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]  # becomes the key of a metric
Pair = Annotated[list[Text], Field(min_length=2, max_length=2)]  # a text, and the same text changed


class Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class MinimumFunctionality(Strict):
    """Each text must be given the label."""

    kind: Literal["minimum_functionality"]
    name: Name
    label: Text
    cases: Annotated[list[Text], Field(min_length=1)]


class Invariance(Strict):
    """The changed text must be given the label that the first one is given, whichever that is."""

    kind: Literal["invariance"]
    name: Name
    cases: Annotated[list[Pair], Field(min_length=1)]


class Direction(Strict):
    """The probability of the label must not fall by more than MAX_FALL from the first text to the changed one."""

    kind: Literal["direction"]
    name: Name
    label: Text
    cases: Annotated[list[Pair], Field(min_length=1)]


class Suite(Strict):
    labels: Annotated[list[Text], Field(min_length=2)]  # the classes that it is about
    tests: Annotated[
        list[Annotated[MinimumFunctionality | Invariance | Direction, Field(discriminator="kind")]], Field(min_length=1)
    ]


def read_suite(path: Path) -> Suite:
    """Read and check a suite.

    Raises:
        UserError: naming the file and, for each mistake, the test, the case, what was found and what is allowed.
    """
    try:
        content = YAML(typ="safe").load(path)
        suite = Suite.model_validate(content)
    except (YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not valid YAML: {' '.join(str(error).split())}") from error
    except ValidationError as error:
        mistakes = [describe(item, content) for item in error.errors()]
        raise UserError(f"{path} must be mended: {', and '.join(mistakes)}") from None
    names = [test.name for test in suite.tests]
    mistakes = [f"test {name}: the name stands twice" for name in dict.fromkeys(names) if names.count(name) > 1]
    mistakes += [
        f"test {test.name}: label must be one of {', '.join(suite.labels)}; however: {test.label!r}"
        for test in suite.tests
        if not isinstance(test, Invariance) and test.label not in suite.labels
    ]
    if mistakes:
        raise UserError(f"{path} must be mended: {', and '.join(mistakes)}")
    return suite


def describe(item: Any, content: Any) -> str:
    """Return one mistake that pydantic found, as `test NAME: case 3: what is allowed; however: what was found`."""
    keys = [key for key in item["loc"] if key not in KINDS]
    place = []
    if len(keys) > 1 and keys[0] == "tests":
        test = content["tests"][keys[1]]
        place = [f"test {test['name'] if isinstance(test, dict) and test.get('name') else keys[1] + 1}"]
        keys = keys[2:]
    if len(keys) > 1 and keys[0] == "cases":
        keys = [f"case {keys[1] + 1}"]
    rule = item["msg"].removeprefix("Input should be ").removeprefix("Value error, ")
    found = "" if item["type"] in ("missing", "union_tag_not_found") else f"; however: {item['input']!r:.80}"
    return ": ".join([*place, *map(str, keys), f"{rule}{found}"])


def judge_behaviour(
    suite: Suite, labels: list[str], data_has: str, predict: Callable[[list[str]], np.ndarray]
) -> pd.DataFrame | None:
    """Run the suite, if it is about the model's labels and about rows such as the data has.

    Args:
        data_has: what the rows have in place of one text with one label, if they have.
    """
    if set(suite.labels) != set(labels):
        about = f"the labels {', '.join(suite.labels)}, which are not the data's"
    elif data_has:
        about = f"single texts with one label each, and the data has {data_has}"
    else:
        return run_suite(suite, labels, predict)
    print(f"data/behaviour.yaml is about {about}: left out", file=sys.stderr)
    return None


def run_suite(suite: Suite, labels: list[str], predict: Callable[[list[str]], np.ndarray]) -> pd.DataFrame:
    """Put every case to the model; return a row for each.

    Args:
        suite: its labels are those of the model, in any order.
        labels: the class names in the model's order.
        predict: returns the class probabilities of texts, float (n, classes).

    Returns:
        test, kind, failed, expected (the label asked for; of an invariance test, the one given to the first text),
        text, predicted and p_expected, and the last three again for the changed text, where there is one.
    """
    cases = [(test, [case] if isinstance(case, str) else case) for test in suite.tests for case in test.cases]
    probabilities = predict([text for _, texts in cases for text in texts])
    found, place = [], 0
    for test, texts in cases:
        p = probabilities[place : place + len(texts)]
        place += len(texts)
        given = p.argmax(axis=1)
        asked = given[0] if isinstance(test, Invariance) else labels.index(test.label)
        failed = p[-1, asked] < p[0, asked] - MAX_FALL if isinstance(test, Direction) else given[-1] != asked
        row = {"test": test.name, "kind": test.kind, "failed": bool(failed), "expected": labels[asked]}
        for prefix, text, number, values in zip(("", "changed_"), texts, given, p, strict=False):
            row |= {f"{prefix}text": text, f"{prefix}predicted": labels[number], f"{prefix}p_expected": values[asked]}
        found.append(row)
    return pd.DataFrame(found, columns=COLUMNS)


def failure_rates(results: pd.DataFrame) -> dict[str, Any]:
    """Return the metrics of `run_suite`'s rows: how many cases, and which fraction fails, in all and of each test."""
    return {
        "cases": len(results),
        "failure_rate": float(results["failed"].mean()),
        "failure_rates": results.groupby("test")["failed"].mean().to_dict(),
    }
