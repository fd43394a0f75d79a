"""Turn label values into the names of classes."""

import numpy as np
import pandas as pd

from stages.common.errors import UserError
from stages.common.params import DataParams
from stages.prepare_data.bad_rows import ROWS_SHOWN, refuse


def name_labels(rows: pd.DataFrame, params: DataParams) -> list[str]:
    """Replace each label value by the name of its class and return the class names in order.

    Raises:
        UserError: for rows with a missing label, or one that `data.labels` doesn't name, or when all have one label.
    """
    values = rows["label"].map(label_text)
    refuse(rows, values == "", "without a label", "fill it in, or leave them out with data.filter")
    if params.labels is None:
        labels = sorted(values.unique())
        rows["label"] = values
    else:
        names = {label_text(value): name for value, name in params.labels.items()}
        labels = list(dict.fromkeys(names.values()))
        allowed = ", ".join(names)
        unknown = ~values.isin(list(names))
        found = ", ".join(repr(value) for value in values[unknown].unique()[:ROWS_SHOWN])
        refuse(rows, unknown, f"with a label that data.labels does not name ({found})", f"it names {allowed}")
        rows["label"] = values.map(names)
    if rows["label"].nunique() < 2:
        raise UserError(f"all {len(rows):,} rows are labelled {rows['label'].iloc[0]}: a classifier needs two classes")
    absent = [label for label in labels if label not in set(rows["label"])]
    if absent:
        raise UserError(
            f"data.labels names {', '.join(absent)}, but no row has that label: remove it or check the data"
        )
    return labels


def label_text(value: object) -> str:
    """Return a label value as it would stand in a CSV file: 1, 1.0 and "1 " are one label."""
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()
