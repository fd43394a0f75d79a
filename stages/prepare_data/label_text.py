"""Write a label value in one form."""

import re
import unicodedata

import numpy as np
import pandas as pd

NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")
TRUTHS = {"true": "True", "false": "False"}


def label_text(value: object) -> str:
    """Return a label value in one form: 1, 1.0, "1.0" and "1 " are one label, and so are True and "true"."""
    if value is None or (isinstance(value, float) and np.isnan(value)) or value is pd.NaT or value is pd.NA:
        return ""
    text = unicodedata.normalize("NFC", str(value)).strip()
    if NUMBER.fullmatch(text) and "." in text:
        return text.rstrip("0").rstrip(".")
    return TRUTHS.get(text.lower(), text)
