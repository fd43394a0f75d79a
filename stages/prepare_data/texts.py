"""Clean the texts and give each row an identity."""

from hashlib import blake2b

import pandas as pd

from predict.text import clean_text
from stages.prepare_data.bad_rows import refuse

ID_BYTES = 8  # two of five million texts share an identity with a chance of one in a million


def clean_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with clean texts and a column `row_id`; a missing text becomes an empty one.

    Raises:
        UserError: naming the rows whose text is something else.
    """
    not_text = ~rows["text"].map(lambda text: text is None or isinstance(text, str) or text != text)
    refuse(rows, not_text, "with a number or a list for a text", "set data.text_column")
    texts = [clean_text(text) if isinstance(text, str) else "" for text in rows["text"]]
    cleaned = rows.assign(text=texts)
    cleaned.insert(list(rows.columns).index("origin") + 1, "row_id", list(map(row_id, texts)))
    return cleaned


def row_id(text: str) -> str:
    """Return the identity of a row, 16 hexadecimal digits: a hash of its clean text and of nothing else.

    It stays the same when files are renamed, rows are added or moved, or the label is changed.
    """
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=ID_BYTES).hexdigest()
