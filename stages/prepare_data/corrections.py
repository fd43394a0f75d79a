"""Apply the corrections of labels that are kept in Git: data/corrections.csv, with the columns row_id and label.

With `data.multi_label` a correction names all labels that the row should have, with | between them.
"""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from stages.common.errors import UserError, did_you_mean
from stages.prepare_data.bad_rows import plural, shown
from stages.prepare_data.notes import Notes
from stages.prepare_data.row_labels import in_order
from stages.prepare_data.texts import id_number

COLUMNS = ["row_id", "label"]


def correct(
    rows: pd.DataFrame, labels: list[str], path: Path, note: Notes, multi_label: bool = False
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Return the rows with corrected labels and without those to drop, and the counts of both and of those not found.

    Raises:
        UserError: naming the lines that can't be used.
    """
    table, drop = read_corrections(path), drop_word(labels)
    if table.empty:
        return rows, {"labels": 0, "dropped": 0, "not_found": 0}
    given = table["label"]
    named = given.map(lambda text: in_order(text, labels)) if multi_label else given.where(given.isin(labels))
    named = named.where(given != drop, drop)
    unknown = named.isna()
    if unknown.any():
        name = given[unknown].iloc[0]
        lines = shown([f"line {line + 2}" for line in table.index[unknown]])
        raise UserError(f"{path}: {lines}: {name!r} is neither a class nor {drop}{did_you_mean(name, labels)}")
    twice = table["row_id"].duplicated()
    if twice.any():
        raise UserError(
            f"{path} corrects {shown(table['row_id'][twice].unique().tolist())} twice: keep one line of each"
        )
    numbers = table["row_id"].map(id_number)
    new = rows["row_id"].map(dict(zip(numbers, named, strict=True)))
    changed = new.notna() & (new != drop) & (new != rows["label"])
    lost = int((~numbers.isin(rows["row_id"])).sum())
    if lost:
        note(f"{path}: {plural(lost, 'correction')} of rows that are not in the data")
    rows = rows.assign(label=rows["label"].mask(changed, new))
    note.drop(rows[new == drop], "correction")
    return rows[new != drop], {"labels": int(changed.sum()), "dropped": int((new == drop).sum()), "not_found": lost}


def read_corrections(path: Path) -> pd.DataFrame:
    """Return the table of corrections, of texts; it may be empty.

    Raises:
        UserError: when it is not such a table.
    """
    try:
        if not path.read_text("utf-8").strip():
            return pd.DataFrame(columns=COLUMNS)
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except ValueError as error:  # no UTF-8, or no table
        raise UserError(f"{path} can't be read: {' '.join(str(error).split())}: mend it, as a CSV file") from error
    numbered = isinstance(table.index, pd.RangeIndex)  # rows with more fields than the header would name the rows
    if list(table.columns) != COLUMNS or not numbered:
        raise UserError(f"{path} must have the columns {', '.join(COLUMNS)}; however: {path.read_text('utf-8')[:60]!r}")
    return table


def drop_word(labels: Sequence[str]) -> str:
    """Return what stands in place of a label where a row is to be left out: drop, or (drop) if a class is named so."""
    word = "drop"
    while word in labels:
        word = f"({word})"
    return word
