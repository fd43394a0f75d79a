"""Load the base model's tokenizer and turn texts into the token ids that a model is trained on and judged by."""

from pathlib import Path

from transformers import AutoTokenizer, PreTrainedTokenizerBase

from predict.text import truncate
from stages.common.errors import UserError
from stages.common.params import TokenizeParams


def load_tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    """Load a fast tokenizer from a model's folder; one with no padding token pads with its end token, or the unknown.

    Without its files, transformers would make one up that knows no word.

    Raises:
        UserError: when the folder has none.
    """
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"model.base: {folder} holds no tokenizer: {' '.join(str(error).split())}") from error
    files = {"tokenizer.json", *tokenizer.vocab_files_names.values()} - {"tokenizer_config.json"}
    if not any((folder / name).exists() for name in files):
        raise UserError(f"model.base: {folder} holds no tokenizer: add its {' or '.join(sorted(files))}")
    if not tokenizer.is_fast:
        raise UserError(f"model.base: {folder} has only a slow tokenizer: add its tokenizer.json")
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.unk_token
    if tokenizer.pad_token is None:
        raise UserError(f"model.base: the tokenizer of {folder} has no token to pad with: give it a pad_token")
    return tokenizer


def special_tokens(tokenizer: PreTrainedTokenizerBase) -> tuple[list[int], list[int]]:
    """Return the token ids that the tokenizer puts before and after one text."""
    bare = tokenizer("a", add_special_tokens=False)["input_ids"]
    whole = tokenizer("a")["input_ids"]
    start = next(at for at in range(len(whole)) if whole[at : at + len(bare)] == bare)
    return whole[:start], whole[start + len(bare) :]


def encode_texts(
    tokenizer: PreTrainedTokenizerBase, texts: list[str], params: TokenizeParams
) -> tuple[list[list[int]], list[int]]:
    """Return the token ids kept of each text, and how many each whole text has; special tokens count.

    Raises:
        UserError: when a text has none.
    """
    before, after = special_tokens(tokenizer)
    room = params.max_length - len(before) - len(after)
    whole = tokenizer(texts, add_special_tokens=False, return_attention_mask=False, verbose=False)["input_ids"]
    kept = [before + truncate(ids, room, params.truncation, params.head_fraction) + after for ids in whole]
    if [] in kept:
        raise UserError(f"model.base: its tokenizer finds no token in {texts[kept.index([])]!r:.80}: drop that text")
    return kept, [len(before) + len(ids) + len(after) for ids in whole]
