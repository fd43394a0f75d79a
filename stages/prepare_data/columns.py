"""Keep the user's own columns apart from those that the pipeline adds."""

from collections.abc import Collection

ADDED = ("text", "label", "origin", "row_id", "group", "predicted", "correct")  # by this stage, or by evaluate


def own_names(columns: Collection[str], meant: Collection[str]) -> dict[str, str]:
    """Return a new name for each of the user's columns that has the name of one that the pipeline adds.

    An underscore is added until no column has that name. `meant` are the columns that the params name as text and
    label: these become `text` and `label`.
    """
    taken = {*columns, *ADDED}
    renamed = {}
    for column in columns:
        if column in ADDED and column not in meant:
            name = f"{column}_"
            while name in taken:
                name += "_"
            taken.add(name)
            renamed[column] = name
    return renamed
