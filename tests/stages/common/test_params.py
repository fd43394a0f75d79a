"""A wrong params.yaml gives one message that names every mistake."""

from pathlib import Path

import pytest
from tiny import PARAMS

from stages.common.errors import MissingInput, UserError
from stages.common.params import load_params


def broken(tmp_path: Path, *edits: tuple[str, str]) -> Path:
    text = PARAMS.read_text()
    for found, replacement in edits:
        assert found in text
        text = text.replace(found, replacement, 1)
    path = tmp_path / "params.yaml"
    path.write_text(text)
    return path


def test_the_default_params_are_right() -> None:
    params = load_params(PARAMS)
    assert params.lora.r == 8


def test_every_mistake_in_every_section_is_named_at_once(tmp_path: Path) -> None:
    path = broken(
        tmp_path,
        ("  split: ", "  splitt: "),
        ("max_length: 256", "max_length: 256.5"),
        ("dropout: 0.0", "dropout: 1.5"),
        ("dtype: auto", "dtype: float64"),
        ("layers: all", "layers: top"),
        ("max_logit_difference: 0.0001", "max_logit_difference: .nan"),
    )
    path.write_text(path.read_text() + "lorra:\n  r: 8\n")
    with pytest.raises(UserError) as error:
        load_params(path)
    lines = [line.strip() for line in str(error.value).splitlines()]
    assert lines[0] == f"{path} must be mended (8 found):"
    assert lines[1:] == [
        "data.split: missing key, add it",
        "data.splitt: unknown key, remove it or correct its name",
        "export.max_logit_difference: a finite number; however: nan",
        "lora.dropout: less than 1; however: 1.5",
        "lora.layers: 'all' or a valid integer or a valid list; however: 'top'",
        "lorra: unknown key, remove it or correct its name",
        "tokenize.max_length: a valid integer; however: 256.5",
        "train.dtype: 'auto', 'float32' or 'bfloat16'; however: 'float64'",
    ]


@pytest.mark.parametrize(
    ("found", "replacement", "message"),
    [
        ("    1: positive", "    1: negative", "data.labels: must name at least two classes"),
        ("  target_modules: all-linear", "  target_modules: query", "lora.target_modules: 'auto' or 'all-linear' or"),
        ("  target_modules: all-linear", "  target_modules: []", "lora.target_modules: 'auto' or 'all-linear' or"),
        ("  seed: 0", "  seed: -1", "data.seed: greater than or equal to 0; however: -1"),
        ("  seed: 0", "  seed: true", "data.seed: a valid integer; however: True"),
        ("lora:\n", "lora_:\n", "lora: missing key, add it"),
    ],
)
def test_values_that_are_not_allowed(tmp_path: Path, found: str, replacement: str, message: str) -> None:
    with pytest.raises(UserError, match="must be mended") as error:
        load_params(broken(tmp_path, (found, replacement)))
    assert message in str(error.value)


def test_numbers_are_read_as_dvc_reads_them(tmp_path: Path) -> None:
    params = load_params(broken(tmp_path, ("learning_rate: 0.0008", "learning_rate: 1e-05")))
    assert params.train.learning_rate == 1e-5


def test_a_file_that_is_no_yaml_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text("data: [1, 2\n")
    with pytest.raises(UserError, match="is not valid YAML"):
        load_params(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingInput, match="run in the repository's root"):
        load_params(tmp_path / "params.yaml")
