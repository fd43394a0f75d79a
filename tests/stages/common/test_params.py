"""A wrong params.yaml gives one message that names every mistake."""

import copy
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML
from tiny import PARAMS

from stages.common.errors import MissingInput, UserError
from stages.common.params import Params, load_params
from stages.common.params_file import check_params


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
        "data.splitt: unknown key, remove it or correct its name (did you mean data.split?)",
        "export.max_logit_difference: a finite number; however: nan",
        "lora.dropout: less than 1; however: 1.5",
        "lora.layers: 'all' or a valid integer or a valid list; however: 'top'",
        "lorra: unknown section, remove it or correct its name (did you mean lora?)",
        "tokenize.max_length: a valid integer; however: 256.5",
        "train.dtype: 'auto', 'float32' or 'bfloat16'; however: 'float64'",
    ]


@pytest.mark.parametrize(
    ("found", "replacement", "message"),
    [
        ("    1: positive", "    1: negative", "data.labels: must name at least two classes"),
        ("  target_modules: all-linear", "  target_modules: []", "lora.target_modules: 'auto' or 'all-linear' or"),
        ("  seed: 0", "  seed: -1", "data.seed: greater than or equal to 0; however: -1"),
        ("  seed: 0", "  seed: true", "data.seed: a valid integer; however: True"),
        ("lora:\n", "lora_:\n", "lora: missing section, add it"),
        ("  r: 8", "  r: 7\n  learning_rate: 1", "lora.learning_rate: unknown key, move it to train.learning_rate"),
        ("lora:\n", "seed: 3\nlora:\n", "seed: unknown section, move it to data.seed or train.seed or evaluate.seed"),
        ("    0: negative", "    '1': negative", "data.labels: a value must be there once, and not be empty: 1, 1.0"),
        ("    0: negative", "    '': negative", "data.labels: a value must be there once, and not be empty"),
        (
            "    0: negative",
            "    .nan: negative",
            "data.labels: a valid string or a valid integer or a valid boolean or a finite number; however: nan",
        ),
        ("    0: negative", '    0: "a\\nb"', "data.labels: a class's name must be one line"),
        ("    0: negative", "    0: 3", "data.labels.0: a valid string; however: 3"),
        (
            "    0: negative",
            "    null: negative",
            "data.labels: a valid string or a valid integer or a valid boolean or",
        ),
        ("  launcher:", "  launcher: torchrun 'a", "train.launcher: a command with a quote that is not closed"),
        ("  launcher:", "  launcher: ' '", "train.launcher: a command, on one line; however: ' '"),
        (
            "  layers: all",
            "  layers: 1000000000000",
            "lora.layers: 'all' or less than or equal to 1000 or",
        ),
        ("  r: 8", f"  r: {10**30}", "lora.r: less than or equal to 10000; however: 1000"),
        ("  r: 8", f"  r: 0x{'f' * 9000}", "lora.r: less than or equal to 10000; however: a number of more"),
        ("  resamples: 2000", "  resamples: 1000000000000", "evaluate.resamples: less than or equal to 1000000;"),
        ("  prefix_cache_gb: 20", "  prefix_cache_gb: 1e30", "train.prefix_cache_gb: less than or equal to 1000000;"),
        ("  learning_rate: 0.0008", "  learning_rate: 1e999", "train.learning_rate: a finite number; however: inf"),
        ("  slices: []", "  slices: &a [*a]", "evaluate.slices.0: a valid string; however: [[[...]]]"),
    ],
)
def test_values_that_are_not_allowed(tmp_path: Path, found: str, replacement: str, message: str) -> None:
    with pytest.raises(UserError, match="must be mended") as error:
        load_params(broken(tmp_path, (found, replacement)))
    assert message in str(error.value)


def test_numbers_are_read_as_dvc_reads_them(tmp_path: Path) -> None:
    params = load_params(broken(tmp_path, ("learning_rate: 0.0008", "learning_rate: 1e-05")))
    assert params.train.learning_rate == 1e-5


BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"data: [1, 2\n", "is not valid YAML: line 2: "),
        (b"lora:\n\tr: 8\n", "is not valid YAML: line 2: found character '\\t' that cannot start any token"),
        (b"lora:\n  r: 8\n  r: 9\n", 'is not valid YAML: line 3: found duplicate key "r"'),
        (b"lora: {r: 1}\n---\nlora: {r: 2}\n", "is not valid YAML: line 2: but found another document"),
        (b"lora: !!python/object/apply:os.system [ls]\n", "is not valid YAML: line 1: could not determine a constr"),
        (b"lora: *r\n", "is not valid YAML: line 1: found undefined alias"),
        (b"lora: {r: " + b"9" * 5000 + b"}\n", "is not valid YAML: Exceeds the limit"),
        (b"caf\xe9: 1\n", "is not valid YAML: "),
        (b"- " * 20_000, "is not valid YAML: it is too deep"),
        (b"#" * 2_000_000, "must be a file of at most 1,000,000 bytes"),
        (b"", "must hold the sections data, model, tokenize, lora, train, evaluate, export; however: nothing"),
        (b"- a\n- b\n", "however: ['a', 'b']"),
        (b"just words\n", "however: 'just words'"),
        (BOMB.encode(), "must be mended (16 found):"),
        (b"? [a, b]\n: c\n", "must be mended"),
        (b"data: 3\n2: x\n", "must be mended"),
    ],
)
def test_a_file_that_holds_no_params_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "params.yaml"
    path.write_bytes(content)
    with pytest.raises(UserError) as error:
        load_params(path)
    assert message in str(error.value)
    assert all(len(line) < 300 for line in str(error.value).splitlines())


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingInput, match="run in the repository's root"):
        load_params(tmp_path / "params.yaml")


def test_init_and_rank_must_go_together(tmp_path: Path) -> None:
    path = broken(tmp_path, ("  r: 8", "  r: 7"), ("  init: default", "  init: orthogonal"), ("epochs: 1", "epochs: 0"))
    with pytest.raises(UserError) as error:
        load_params(path)
    assert str(error.value).splitlines()[1:] == [
        "  lora.init: orthogonal goes with an even lora.r, not with 7; however: 'orthogonal'",
        "  train.epochs: greater than or equal to 1; however: 0",
    ]


CONTENT = YAML(typ="safe").load(PARAMS)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.dates()
VALUES = st.recursive(
    SCALARS, lambda v: st.lists(v, max_size=3) | st.dictionaries(SCALARS, v, max_size=3), max_leaves=5
)
CHANGES = st.dictionaries(st.sampled_from([(s, k) for s in CONTENT for k in [*CONTENT[s], "other", None]]), VALUES)
PIECES = [
    *"{}[]:,-?&*!|>'\"%@#\n\t ",
    *["lora", "data", "r", "&a", "*a", "!!", "1e5", "0x", "~"],
    ": ",
    "- ",
    "\n  ",
    "<<: ",
]


def accepted_or_described(check: Callable[[], object]) -> None:
    try:
        check()
    except UserError as error:
        lines = str(error).splitlines()
        assert all(len(line) < 600 and line.isprintable() for line in lines)
        assert len(lines) in (1, len(set(lines)))


@given(CHANGES)
def test_any_values_are_accepted_or_described(changes: dict) -> None:
    content = copy.deepcopy(CONTENT)
    for (section, key), value in changes.items():
        if key is None:
            content[section] = value
        elif isinstance(content[section], dict):
            content[section][key] = value
    accepted_or_described(lambda: check_params(Params, content, PARAMS))


@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=2), max_size=12).map("".join))
def test_any_text_is_accepted_or_described(shared: Path, text: str) -> None:
    path = shared / f"text-{os.getpid()}.yaml"
    path.write_text(text, encoding="utf-8", errors="surrogatepass", newline="")
    accepted_or_described(lambda: load_params(path))
