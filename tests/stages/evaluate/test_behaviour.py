"""Each kind of behaviour test fails where it should, and a mistake in a suite is one line."""

from pathlib import Path

import numpy as np
import pytest
from scipy.special import expit

from stages.common.errors import UserError
from stages.evaluate.behaviour import failure_rates, read_suite, run_suite

SUITE = """
labels: [negative, positive]
tests:
  - {name: praise, kind: minimum_functionality, label: positive, cases: [good film, not bad]}
  - {name: names, kind: invariance, cases: [[Ann is good, Bob is good], [Ann is bad, Bob is good]]}
  - {name: better, kind: direction, label: positive, cases: [[bad, bad good], [good, good bad]]}
"""


def count_words(texts: list[str]) -> np.ndarray:
    """Return the probabilities that a model of two words gives."""
    positive = expit([2.0 * (text.count("good") - text.count("bad")) for text in texts])
    return np.stack([1 - positive, positive], axis=1)


def test_each_kind_of_behaviour_fails_as_it_should(tmp_path: Path) -> None:
    (tmp_path / "suite.yaml").write_text(SUITE)
    results = run_suite(read_suite(tmp_path / "suite.yaml"), ["negative", "positive"], count_words)
    assert results["failed"].tolist() == [False, True, False, True, False, True]
    columns = ["expected", "text", "predicted", "changed_text", "changed_predicted"]
    assert results[columns].iloc[3].tolist() == [
        "negative",
        "Ann is bad",
        "negative",
        "Bob is good",
        "positive",
    ]
    rates = failure_rates(results)
    assert rates == {"cases": 6, "failure_rate": 0.5, "failure_rates": {"praise": 0.5, "names": 0.5, "better": 0.5}}


@pytest.mark.parametrize(
    ("found", "replacement", "message"),
    [
        ("[Ann is good, Bob is good]", "Ann is good", "test names: case 1: a valid list; however: 'Ann is good'"),
        ("[bad, bad good]", "[bad]", "test better: case 1: List should have at least 2 items"),
        ("kind: invariance", "kind: sameness", "test names: Input tag 'sameness' found using 'kind' does not match"),
        ("kind: invariance, ", "", "test names: Unable to extract tag using discriminator 'kind'"),
        ("label: positive, cases: [good", "cases: [good", "test praise: label: Field required"),
        ("label: positive, cases: [good", "label: fine, cases: [good", "test praise: label must be one of negative, "),
        ("name: names", "name: praise", "test praise: the name stands twice"),
        ("name: names", "name: Names!", "test Names!: name: String should match pattern"),
        ("tests:", "test:", "tests: Field required, and test: Extra inputs are not permitted; however: "),
        ("tests:", "tests", "is not valid YAML: "),
    ],
)
def test_a_mistake_in_the_suite_is_one_line(tmp_path: Path, found: str, replacement: str, message: str) -> None:
    assert SUITE.count(found) == 1
    path = tmp_path / "suite.yaml"
    path.write_text(SUITE.replace(found, replacement))
    with pytest.raises(UserError) as error:
        read_suite(path)
    assert str(error.value).startswith(str(path))
    assert message in str(error.value)
    assert "\n" not in str(error.value)
