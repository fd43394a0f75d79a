"""Find the files that `data.source` names."""

from pathlib import Path

from stages.common.errors import UserError
from stages.common.params import DataParams
from stages.common.references import resolve_data


def data_sources(params: DataParams) -> dict[str, list[Path]]:
    """Return the files of each given split, or those of all rows under "".

    Raises:
        UserError: for params that contradict each other, and for files that aren't there.
    """
    given = [
        key
        for key, used in {
            "a source for each split": isinstance(params.source, dict),
            "split_column": params.split_column is not None,
            "time_column": params.time_column is not None,
        }.items()
        if used
    ]
    if len(given) > 1:
        raise UserError(f"data: {given[0]} and {given[1]} both say which rows are in which split: use one of them")
    if params.time_column is not None and params.group_column is not None:
        raise UserError("data: time_column splits groups: set it or group_column to null")
    if not isinstance(params.source, dict):
        return {"": resolve_data(params.source, "data.source")}
    return {split: resolve_data(source, f"data.source.{split}") for split, source in params.source.items()}
