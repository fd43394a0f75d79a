"""Load the base model's tokenizer and turn texts into the token ids that a model is trained on and judged by."""

from pathlib import Path

from transformers import AutoConfig, AutoTokenizer, PreTrainedTokenizerBase

from predict.tokens import Layout, Window, lay_out, num_kept
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


class TextEncoder:
    """Turns texts, or pairs of texts, into what a base model reads.

    Raises:
        UserError: when the base's tokenizer can't be used.
    """

    def __init__(self, base: Path, params: TokenizeParams, pairs: bool = False) -> None:
        self.tokenizer = load_tokenizer(base)
        before, after = special_tokens(self.tokenizer)
        between: list[int] | None = None
        segments: list[int] | None = None
        if pairs:
            before, between, after, segments = pair_tokens(self.tokenizer)
            if "token_type_ids" not in self.tokenizer.model_input_names or max(segments) >= num_segments(base):
                segments = None  # transformers would give this model none either
        self.layout = Layout(
            **params.model_dump(exclude={"window_pooling"}),
            tokens_before=before,
            tokens_between=between,
            tokens_after=after,
            segments=segments,
            pad_token_id=self.tokenizer.pad_token_id,
        )

    def encode(self, *texts: list[str]) -> tuple[list[list[Window]], dict[str, list[int]]]:
        """Return the windows of each row, and the columns num_tokens and num_kept of a tokenized split.

        Args:
            texts: the texts of the rows, and of pairs the second ones.

        Raises:
            UserError: when a text has no token.
        """
        ids = [
            self.tokenizer(each, add_special_tokens=False, return_attention_mask=False, verbose=False)["input_ids"]
            for each in texts
        ]
        for found, given in zip(ids, texts, strict=True):
            if [] in found:
                text = given[found.index([])]
                raise UserError(f"model.base: its tokenizer finds no token in {text!r:.80}: drop that text")
        rows = list(zip(*ids, strict=True))
        lengths = [[len(each) for each in row] for row in rows]
        return [lay_out(row, self.layout) for row in rows], {
            "num_tokens": [self.layout.num_special + sum(row) for row in lengths],
            "num_kept": [num_kept(row, self.layout) for row in lengths],
        }


def special_tokens(tokenizer: PreTrainedTokenizerBase) -> tuple[list[int], list[int]]:
    """Return the token ids that the tokenizer puts before and after one text."""
    bare = tokenizer("a", add_special_tokens=False)["input_ids"]
    whole = tokenizer("a")["input_ids"]
    start = next(at for at in range(len(whole)) if whole[at : at + len(bare)] == bare)
    return whole[:start], whole[start + len(bare) :]


def pair_tokens(tokenizer: PreTrainedTokenizerBase) -> tuple[list[int], list[int], list[int], list[int]]:
    """Return the token ids before, between and after the two texts of a pair, and the segments of these five parts.

    A tokenizer that parts texts by nothing, as most decoders' do, is helped by its separator or its end token.

    Raises:
        UserError: when the tokenizer has neither.
    """
    bare = tokenizer("a", add_special_tokens=False)["input_ids"]
    found = tokenizer("a", "a", return_token_type_ids=True)
    whole, types, size = found["input_ids"], found["token_type_ids"], len(bare)
    first, second = [at for at in range(len(whole)) if whole[at : at + size] == bare][:2]
    before, between, after = whole[:first], whole[first + size : second], whole[second + size :]
    segments = [types[at] for at in (0, first, first + size, second, -1)]
    if not between:
        separator = tokenizer.sep_token_id if tokenizer.sep_token_id is not None else tokenizer.eos_token_id
        if separator is None:
            raise UserError(
                "data.text_pair_column: the tokenizer of model.base has neither a separator nor an end token to part "
                "two texts by: choose another base, or join the texts in one column"
            )
        before, after = special_tokens(tokenizer)
        between, segments = [separator], [0, 0, 0, 1, 1]
    return before, between, after, segments


def num_segments(base: Path) -> int:
    """Return how many segments a base model tells apart; 0 where it reads none."""
    return getattr(AutoConfig.from_pretrained(base, trust_remote_code=False), "type_vocab_size", None) or 0
