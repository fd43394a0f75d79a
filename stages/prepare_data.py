"""Read labelled texts, clean them, remove duplicates and split them.

Run: python -m stages.prepare_data
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components
from sklearn.feature_extraction.text import HashingVectorizer

from predict.clean import clean_text
from stages.common.errors import UserError, run_stage
from stages.common.outputs import whole_output, write_json
from stages.common.params import DataParams, load_params
from stages.common.paths import stage_paths
from stages.common.references import resolve_data

SHINGLE_WORDS = 5  # long enough that two reviews rarely share one by chance
COMMON_SHINGLE = 50  # a shingle in more texts than this is a set phrase, not a sign of copying
ROWS_SHOWN = 5


def main() -> None:
    """Leave data/prepared: a parquet file for each split, and labels.json with the class names in order.

    Raises:
        UserError: naming the file, the rows and the reason for which the data can't be used.
    """
    params = load_params()
    paths = stage_paths("prepare-data")
    read = read_rows(resolve_data(params.data.source, "data.source"))
    selected = select_rows(read, params.data)
    labels = name_labels(selected, params.data)
    kept, dropped = drop_unusable(selected, params.data)
    splits = split_rows(kept, params.data)
    with whole_output(paths["prepared"]) as folder:
        folder.mkdir()
        for name, rows in splits.items():
            rows.to_parquet(folder / f"{name}.parquet", index=False)
        (folder / "labels.json").write_text(json.dumps(labels, ensure_ascii=False) + "\n", encoding="utf-8")
    write_json(
        paths["data.json"], summarise(len(read), {"filter": len(read) - len(selected), **dropped}, splits, labels)
    )


def read_rows(files: list[Path]) -> pd.DataFrame:
    """Return the rows of all files with a column `origin`, FILE:ROW, where the first data row is 1."""
    frames = []
    for path in files:
        rows = read_hub_folder(path) if path.is_dir() else read_file(path)
        frames.append(rows.assign(origin=[f"{path.name}:{row}" for row in range(1, len(rows) + 1)]))
    return pd.concat(frames, ignore_index=True)


def read_file(path: Path) -> pd.DataFrame:
    """Read one file as its suffix says. Text files must be UTF-8; their values stay as written ("NA" is a text)."""
    suffix = path.suffix.lower()
    try:
        if suffix in (".csv", ".tsv"):
            separator = "," if suffix == ".csv" else "\t"
            return pd.read_csv(path, sep=separator, dtype=str, keep_default_na=False, encoding="utf-8-sig")
        if suffix in (".jsonl", ".ndjson"):
            return pd.DataFrame.from_records(list(read_json_lines(path)))
        if suffix == ".parquet":
            return pd.read_parquet(path)
    except UnicodeDecodeError:
        raise UserError(f"{path} is not UTF-8: {undecodable_lines(path)}. Save it as UTF-8.") from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError, ValueError, OSError) as error:
        raise UserError(f"{path} can't be read as {suffix[1:]}: {' '.join(str(error).split())}") from error
    raise UserError(f"data.source: {path} must end in .csv, .tsv, .jsonl, .ndjson or .parquet")


def read_json_lines(path: Path) -> Iterator[dict]:
    with path.open(encoding="utf-8-sig") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                record = json.loads(line)
            except json.JSONDecodeError as error:
                raise ValueError(f"line {number}: {error.msg}") from error
            if not isinstance(record, dict):
                raise ValueError(f"line {number} is not an object of column names and values")
            yield record


def undecodable_lines(path: Path) -> str:
    bad = []
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError:
                bad.append(number)
    return f"{plural(len(bad), 'line')} can't be decoded ({shown(bad)})"


def read_hub_folder(folder: Path) -> pd.DataFrame:
    """Read a data set as `datasets` lays it out: all its splits, with the name of each in a column `split`.

    A class number becomes the name that the data set gives it, where it gives one.
    """
    import datasets

    try:
        loaded = datasets.load_dataset(str(folder))
    except Exception as error:  # `datasets` raises many unrelated types
        raise UserError(f"data.source: {folder} can't be loaded: {' '.join(str(error).split())}") from error
    frames = []
    for name, split in loaded.items():
        rows = split.to_pandas()
        for column, feature in split.features.items():
            if isinstance(feature, datasets.ClassLabel):
                rows[column] = [feature.int2str(value) if value >= 0 else None for value in rows[column]]
        frames.append(rows.assign(split=str(name)))
    return pd.concat(frames, ignore_index=True)


def select_rows(rows: pd.DataFrame, params: DataParams) -> pd.DataFrame:
    """Apply `data.filter` and leave the columns text and label first, origin and the user's other columns after."""
    columns = ", ".join(column for column in rows.columns if column != "origin")
    if params.filter is not None:
        try:
            rows = rows.query(params.filter)
        except Exception as error:  # `query` raises whatever the expression raises
            reason = " ".join(str(error).split())
            raise UserError(
                f"data.filter: {params.filter!r} can't be applied: {reason}; the columns are {columns}. "
                "Correct it, or set it to null to keep all rows."
            ) from error
    for key in ("text_column", "label_column"):
        if getattr(params, key) not in rows.columns:
            raise UserError(f"data.{key}: there is no column {getattr(params, key)!r}; the columns are {columns}")
    if rows.empty:
        raise UserError(f"data.filter: {params.filter!r} keeps no row" if params.filter else "data.source has no rows")
    named = {"text": rows[params.text_column], "label": rows[params.label_column], "origin": rows["origin"]}
    others = rows.drop(columns=[params.text_column, params.label_column, *named], errors="ignore")
    return pd.concat([pd.DataFrame(named), others], axis=1).reset_index(drop=True)


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


def drop_unusable(rows: pd.DataFrame, params: DataParams) -> tuple[pd.DataFrame, dict[str, int]]:
    """Clean the texts; return the rows that are left and how many were dropped for each reason.

    Of texts that are alike, the first is kept, unless they are labelled differently: then none of them is.
    """
    not_text = ~rows["text"].map(lambda text: text is None or isinstance(text, str) or text != text)
    refuse(rows, not_text, "with a number or a list for a text", "set data.text_column")
    rows = rows.assign(text=[clean_text(text) if isinstance(text, str) else "" for text in rows["text"]])
    keys = rows["text"].map(lambda text: "".join(filter(str.isalnum, text.casefold())))
    dropped = {"empty": int((keys == "").sum())}
    rows, keys = rows[keys != ""], keys[keys != ""]
    rows, dropped["exact_duplicate"], dropped["exact_duplicate_conflict"] = keep_first(rows, keys.to_numpy())
    groups = near_duplicate_groups(rows["text"], params.near_duplicate_similarity)
    rows, dropped["near_duplicate"], dropped["near_duplicate_conflict"] = keep_first(rows, groups)
    return rows.reset_index(drop=True), dropped


def keep_first(rows: pd.DataFrame, groups: np.ndarray) -> tuple[pd.DataFrame, int, int]:
    """Return the first row of each group of one label, and how many were dropped as copies and as conflicting."""
    grouped = rows.groupby(groups, sort=False)["label"]
    conflict = (grouped.transform("nunique") > 1).to_numpy()
    copy = (grouped.cumcount() > 0).to_numpy() & ~conflict
    return rows[~copy & ~conflict], int(copy.sum()), int(conflict.sum())


def near_duplicate_groups(texts: pd.Series, similarity: float) -> np.ndarray:
    """Return a group number for each text, int (n,): texts in one group are near duplicates of one another.

    Two texts are near duplicates when they share at least `similarity` of the shorter one's word 5-grams (shingle
    containment: Broder, On the resemblance and containment of documents, 1997), so that an excerpt counts as a copy
    of the whole. The comparison is exact, except that shingles of more than COMMON_SHINGLE texts don't count.
    """
    vectorizer = HashingVectorizer(
        ngram_range=(SHINGLE_WORDS, SHINGLE_WORDS),
        token_pattern=r"\w+",
        norm=None,
        alternate_sign=False,
        n_features=2**24,
    )
    shingles = vectorizer.transform(texts)
    shingles.data[:] = 1
    total = np.asarray(shingles.sum(axis=1)).ravel()
    frequency = np.bincount(shingles.indices, minlength=shingles.shape[1])
    shared_only = csr_matrix(shingles[:, np.flatnonzero((frequency > 1) & (frequency <= COMMON_SHINGLE))])
    shared = (shared_only @ shared_only.T).tocoo()
    alike = shared.data >= similarity * np.minimum(total[shared.row], total[shared.col])
    links = csr_matrix((alike[alike], (shared.row[alike], shared.col[alike])), shape=shared.shape)
    return connected_components(links, directed=False)[1]


def split_rows(rows: pd.DataFrame, params: DataParams) -> dict[str, pd.DataFrame]:
    """Return the splits test, validation and train, each with the label proportions of the whole, shuffled.

    The rows of a label are shuffled one by one (`random`) or in blocks of neighbours (`blocked`); test, validation
    and train are then taken from the front. With `blocked`, what is left of a block that a split cuts goes unused,
    so that no two splits share a block.

    Raises:
        UserError: when there are fewer rows than asked for.
    """
    random = np.random.default_rng(params.seed)
    block_rows = params.block_rows if params.split == "blocked" else 1
    waiting = {}
    for label, group in rows.groupby("label"):
        blocks = [group.iloc[start : start + block_rows] for start in range(0, len(group), block_rows)]
        waiting[label] = [blocks[place] for place in random.permutation(len(blocks))]
    proportion = rows["label"].value_counts(normalize=True).sort_index()
    splits = {}
    for name in ("test", "validation", "train"):
        asked = getattr(params, f"{name}_rows")
        counts: dict[Any, int | None] = {**shares(proportion, asked)} if asked else dict.fromkeys(waiting)
        taken: list[pd.DataFrame] = []
        for label, count in counts.items():
            taken += take(waiting[label], count, name, label, params)
        split = pd.concat(taken)
        splits[name] = split.iloc[random.permutation(len(split))]
    return splits


def shares(proportion: pd.Series, total: int) -> dict[str, int]:
    """Return how many of `total` rows each label gets: proportional, whole numbers, largest remainders first."""
    exact = proportion * total
    counts = np.floor(exact).astype(int)
    rest = (exact - counts).sort_values(ascending=False, kind="stable").index[: total - counts.sum()]
    counts[rest] += 1
    return counts.to_dict()


def take(
    blocks: list[pd.DataFrame], count: int | None, name: str, label: str, params: DataParams
) -> list[pd.DataFrame]:
    """Remove blocks from the front until there are `count` rows (null takes all) and return those rows."""
    available = sum(map(len, blocks))
    if available < (count or 1):
        raise UserError(
            f"data.{name}_rows: too few rows are left for the {name} split: it needs {count or 1:,} labelled {label}, "
            f"and {available:,} are left after cleaning and the other splits. Ask for fewer rows in data.*_rows, or "
            f"lower data.block_rows (now {params.block_rows})."
        )
    taken = []
    missing = available if count is None else count
    while missing > 0:
        block = blocks.pop(0).iloc[:missing]
        taken.append(block)
        missing -= len(block)
    return taken


def summarise(read: int, dropped: dict[str, int], splits: dict[str, pd.DataFrame], labels: list[str]) -> dict:
    """Return metrics/data.json: counts of rows, and quantiles of the kept texts' lengths in characters."""
    kept = pd.concat(splits.values())
    counts = {name: rows["label"].value_counts() for name, rows in splits.items()}
    characters = kept["text"].str.len()
    return {
        "rows_read": read,
        "rows_dropped": dropped,
        "rows_unused": read - sum(dropped.values()) - len(kept),
        "rows": {
            name: {"all": len(rows), **{label: int(counts[name].get(label, 0)) for label in labels}}
            for name, rows in splits.items()
        },
        "characters": {f"p{q:02d}": float(np.percentile(characters, q)) for q in (5, 25, 50, 75, 95)},
    }


def refuse(rows: pd.DataFrame, bad: pd.Series, reason: str, remedy: str) -> None:
    """Raise a UserError that names the rows where `bad` is true, if there are any."""
    if bad.any():
        raise UserError(f"{plural(int(bad.sum()), 'row')} {reason}: {shown(list(rows['origin'][bad]))}; {remedy}")


def plural(count: int, noun: str) -> str:
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def shown(items: list) -> str:
    return ", ".join(map(str, items[:ROWS_SHOWN])) + (", …" if len(items) > ROWS_SHOWN else "")


if __name__ == "__main__":
    run_stage(main)
