"""Apply the corrections of labels that are kept in Git: data/corrections.csv, with the columns row_id and label.

With `data.multi_label` a correction names all labels that the row should have, with | between them.
"""

from pathlib import Path

import pandas as pd

from stages.common.errors import UserError, did_you_mean
from stages.prepare_data.bad_rows import plural, shown
from stages.prepare_data.notes import Notes
from stages.prepare_data.row_labels import in_order
from stages.prepare_data.texts import id_number

COLUMNS = ["row_id", "label"]
DROP = "drop"  # in place of a class name: the row is left out


def correct(
    rows: pd.DataFrame, labels: list[str], path: Path, note: Notes, multi_label: bool = False
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Return the rows with corrected labels and without those to drop, and the counts of both and of those not found.

    Raises:
        UserError: naming the lines that can't be used.
    """
    table = pd.read_csv(path, dtype=str, keep_default_na=False) if path.read_text("utf-8").strip() else pd.DataFrame()
    if not table.empty and list(table.columns) != COLUMNS:
        raise UserError(f"{path} must have the columns {', '.join(COLUMNS)}; however: {', '.join(table.columns)}")
    if table.empty:
        return rows, {"labels": 0, "dropped": 0, "not_found": 0}
    given = table["label"]
    named = given.map(lambda text: in_order(text, labels)) if multi_label else given.where(given.isin(labels))
    named = named.where(given != DROP, DROP)
    unknown = named.isna()
    if unknown.any():
        name = given[unknown].iloc[0]
        lines = shown([f"line {line + 2}" for line in table.index[unknown]])
        raise UserError(f"{path}: {lines}: {name!r} is neither a class nor {DROP}{did_you_mean(name, labels)}")
    twice = table["row_id"].duplicated()
    if twice.any():
        raise UserError(
            f"{path} corrects {shown(table['row_id'][twice].unique().tolist())} twice: keep one line of each"
        )
    numbers = table["row_id"].map(id_number)
    new = rows["row_id"].map(dict(zip(numbers, named, strict=True)))
    changed = new.notna() & (new != DROP) & (new != rows["label"])
    lost = int((~numbers.isin(rows["row_id"])).sum())
    if lost:
        note(f"{path}: {plural(lost, 'correction')} of rows that are not in the data")
    rows = rows.assign(label=rows["label"].mask(changed, new))
    note.drop(rows[new == DROP], "correction")
    return rows[new != DROP], {"labels": int(changed.sum()), "dropped": int((new == DROP).sum()), "not_found": lost}
