"""What a base model can take, by its configuration: how many tokens, and which token ids."""

from pathlib import Path

from transformers import AutoConfig, PreTrainedConfig, PreTrainedTokenizerBase

from stages.common.errors import UserError
from stages.common.params import TokenizeParams
from stages.common.tokenizer import special_tokens


def check_limits(params: TokenizeParams, base: Path, tokenizer: PreTrainedTokenizerBase) -> None:
    """Refuse texts longer than the base model takes, and a tokenizer of another model.

    Raises:
        UserError: saying so, or that the base can't be described without running code of its own.
    """
    try:
        config = AutoConfig.from_pretrained(base, trust_remote_code=False)
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"model.base: {base} can't be loaded: {' '.join(str(error).split())}") from error
    config = getattr(config, "text_config", config)  # of a model that also sees images
    longest = min(max_tokens(config, params.max_length), tokenizer.model_max_length)
    if params.max_length > longest:
        raise UserError(
            f"tokenize.max_length: the base model takes at most {longest} tokens; however: {params.max_length}"
        )
    vocabulary = getattr(config, "vocab_size", None)
    largest = largest_id(tokenizer)
    if vocabulary and largest >= vocabulary:
        raise UserError(
            f"model.base: the tokenizer of {base} has token ids up to {largest}, and the model knows those below "
            f"{vocabulary}: put the model's own tokenizer there"
        )


def max_tokens(config: PreTrainedConfig, wanted: int) -> int:
    """Return how many tokens a model takes, or `wanted` where it takes that many.

    The positions of some models, as RoBERTa's, begin after the padding token's id: of 514, 512 are left. Whether they
    do is asked of the model, without its weights, where it matters.
    """
    positions = getattr(config, "max_position_embeddings", None) or 0
    unused = (config.pad_token_id or 0) + 1
    if positions <= 0 or wanted <= positions - unused:  # XLNet's are -1: any number
        return wanted
    return min(wanted, positions - (unused if positions_follow_padding(config, positions) else 0))


def positions_follow_padding(config: PreTrainedConfig, positions: int) -> bool:
    """Tell whether a table of so many positions keeps a row for padding."""
    import torch  # takes a second, which most runs need not wait for
    from transformers import AutoModel

    with torch.device("meta"):
        model = AutoModel.from_config(config, trust_remote_code=False)
    tables = [module for module in model.modules() if isinstance(module, torch.nn.Embedding)]
    return any(
        table.num_embeddings == positions and table.padding_idx is not None
        for table in tables
        if table is not model.get_input_embeddings()
    )


def largest_id(tokenizer: PreTrainedTokenizerBase) -> int:
    """Return the largest token id that texts get, or padding; tokens added for other tasks aside."""
    before, after = special_tokens(tokenizer)
    ordinary = tokenizer.backend_tokenizer.get_vocab(with_added_tokens=False).values()
    return max(*ordinary, *before, *after, tokenizer.pad_token_id)
