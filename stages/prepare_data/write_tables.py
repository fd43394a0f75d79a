"""Write the tables that this stage leaves: rows from the store with what was decided about them."""

from contextlib import ExitStack
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from tqdm import tqdm

from stages.common.text_columns import text_columns
from stages.prepare_data.store import Store

TEXT_SHOWN = 80  # characters of a dropped row


def write_split(path: Path, rows: pd.DataFrame, store: Store) -> None:
    """Write rows as parquet: text, label, origin, row_id, group and the user's own columns."""
    with ExitStack() as stack, tqdm(total=len(rows), desc=f"write {path.name}", unit="row") as bar:
        written, writer = 0, None
        for table in store.in_order(rows["place"].to_numpy()):
            label = pa.array(rows["label"].iloc[written : written + len(table)], pa.large_string())
            table = table.add_column(table.column_names.index("origin"), "label", label)
            if writer is None:
                known = pa.Table.from_pandas(table.slice(0, 1).to_pandas(), preserve_index=False).schema.metadata
                writer = stack.enter_context(pq.ParquetWriter(path, table.schema.with_metadata(known)))
            writer.write_table(table.cast(writer.schema))
            bar.update(len(table))
            written += len(table)


def list_dropped(path: Path, store: Store) -> None:
    """Write a table of the rows that were dropped, with the reason for each and the beginning of its texts."""
    dropped = pd.concat(store.note.dropped)
    written = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        for table in store.in_order(dropped["place"].to_numpy()):
            rows = table.select(["origin", "row_id"]).to_pandas()
            decided = dropped.iloc[written : written + len(rows)].reset_index(drop=True)
            rows = rows.assign(label=decided["label"], reason=decided["reason"])
            for column in text_columns(table.column_names):
                rows[column] = pc.utf8_slice_codeunits(table[column], 0, TEXT_SHOWN).to_pandas()
            rows.to_csv(file, index=False, header=not written, lineterminator="\n")
            written += len(rows)
