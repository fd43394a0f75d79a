"""What is kept of a text, and in which form."""

import json
from pathlib import Path

import pytest
from tiny import PARAMS, save_base_model, save_tokenizer

from predict.tokens import truncate
from stages.common.errors import UserError
from stages.common.limits import check_limits
from stages.common.params import load_params
from stages.common.tokenizer import TextEncoder, load_tokenizer, special_tokens

SHORT = load_params(PARAMS).tokenize.model_copy(update={"max_length": 127})


@pytest.mark.parametrize(
    ("truncation", "head_fraction", "kept"),
    [
        ("head", 0.5, [0, 1, 2, 3]),
        ("tail", 0.5, [6, 7, 8, 9]),
        ("head_tail", 0.5, [0, 1, 8, 9]),
        ("head_tail", 0.25, [0, 7, 8, 9]),
        ("head_tail", 0.0, [6, 7, 8, 9]),
        ("head_tail", 1.0, [0, 1, 2, 3]),
    ],
)
def test_truncation_keeps_the_end_asked_for(truncation: str, head_fraction: float, kept: list[int]) -> None:
    assert truncate(list(range(10)), 4, truncation, head_fraction) == kept
    assert truncate(list(range(4)), 4, truncation, head_fraction) == [0, 1, 2, 3]


def test_special_tokens_stand_where_the_tokenizer_puts_them(tmp_path: Path) -> None:
    save_tokenizer(tmp_path / "encoder")
    save_tokenizer(tmp_path / "decoder", decoder=True)
    encoder, decoder = load_tokenizer(tmp_path / "encoder"), load_tokenizer(tmp_path / "decoder")
    assert special_tokens(encoder) == ([encoder.cls_token_id], [encoder.sep_token_id])
    assert special_tokens(decoder) == ([], [])


def test_a_text_without_tokens_is_named(tmp_path: Path) -> None:
    save_tokenizer(tmp_path, decoder=True)
    with pytest.raises(UserError, match=r"model\.base: its tokenizer finds no token in '': drop that text"):
        TextEncoder(tmp_path, load_params(PARAMS).tokenize).encode(["good", ""])


def test_a_folder_without_a_tokenizer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"model\.base: .* holds no tokenizer"):
        load_tokenizer(tmp_path)


def test_a_base_without_tokenizer_files_is_refused(tmp_path: Path) -> None:
    save_base_model(tmp_path)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (tmp_path / name).unlink()
    with pytest.raises(UserError, match=r"holds no tokenizer: add its tokenizer\.json or vocab\.txt"):
        load_tokenizer(tmp_path)


def test_a_base_with_code_of_its_own_is_refused_and_its_code_not_run(tmp_path: Path) -> None:
    save_base_model(tmp_path)
    ran = tmp_path / "ran"
    (tmp_path / "configuration_own.py").write_text(f"open({str(ran)!r}, 'w')\n")
    config = json.loads((tmp_path / "config.json").read_text())
    config |= {"model_type": "own", "auto_map": {"AutoConfig": "configuration_own.OwnConfig"}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(UserError, match=r"model\.base: "):
        check_limits(SHORT, tmp_path, load_tokenizer(tmp_path))
    assert not ran.exists()


def test_positions_that_begin_after_the_padding_are_not_counted(tmp_path: Path) -> None:
    save_base_model(tmp_path, "roberta")
    tokenizer = load_tokenizer(tmp_path)
    check_limits(SHORT, tmp_path, tokenizer)  # of 128 positions, one is padding's
    longer = SHORT.model_copy(update={"max_length": 128})
    with pytest.raises(UserError, match=r"tokenize\.max_length: the base model takes at most 127 tokens; however: 128"):
        check_limits(longer, tmp_path, tokenizer)
    save_base_model(tmp_path, "bert")
    check_limits(longer, tmp_path, tokenizer)


def test_the_tokenizer_of_a_larger_model_is_refused(tmp_path: Path) -> None:
    save_base_model(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text()) | {"vocab_size": 1000}
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(
        UserError, match=r"has token ids up to 2025, and the model knows those below 1000: put the model"
    ):
        check_limits(SHORT, tmp_path, load_tokenizer(tmp_path))
