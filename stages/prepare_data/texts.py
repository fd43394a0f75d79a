"""Clean the texts and give each row an identity."""

import re
from hashlib import blake2b

import pandas as pd

from predict.text import clean_text
from stages.common.text_columns import text_columns
from stages.prepare_data.bad_rows import refuse

ID_BYTES = 8  # two of five million texts share an identity with a chance of one in a million


def clean_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with clean texts and a column `row_id`; a missing text becomes an empty one.

    Raises:
        UserError: naming the rows whose text is something else.
    """
    texts = {}
    for name in text_columns(rows):
        not_text = ~rows[name].map(lambda text: text is None or isinstance(text, str) or text != text)
        refuse(rows, not_text, "with a number or a list for a text", f"set data.{name}_column")
        texts[name] = [clean_text(text) if isinstance(text, str) else "" for text in rows[name]]
    cleaned = rows.assign(**texts)
    cleaned.insert(list(rows.columns).index("origin") + 1, "row_id", list(map(row_id, *texts.values())))
    return cleaned


def row_id(*texts: str) -> str:
    """Return the identity of a row, 16 hexadecimal digits: a hash of its clean text, or of both, and of nothing else.

    It stays the same when files are renamed, rows are added or moved, or the label is changed.
    """
    return blake2b("\0".join(texts).encode("utf-8", "surrogatepass"), digest_size=ID_BYTES).hexdigest()


def id_number(identity: str) -> int:
    """Return a row's identity as a number, and of what is none, 0."""
    return int(identity, 16) if re.fullmatch(r"[0-9a-f]{16}", identity) else 0
