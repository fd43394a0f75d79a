"""What changed between two revisions, the data apart from the rest."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from review.committed import flat
from review.revisions import Revision, declared, git

if TYPE_CHECKING:
    import pandas as pd

SPLITS = ("train", "validation", "test")
NOT_CODE = "other files"


@dataclass(frozen=True)
class Changes:
    """What differs in Git between two revisions, and which outputs do by their hashes in dvc.lock."""

    base: Revision
    head: Revision

    @cached_property
    def params(self) -> list[tuple[str, Any, Any]]:
        """Return the dotted keys that differ, with both values; MISSING where there is no such key."""
        before, after = (dict(flat(revision.params)) for revision in (self.base, self.head))
        keys = sorted({*before, *after})
        return [(key, before.get(key), after.get(key)) for key in keys if before.get(key) != after.get(key)]

    @cached_property
    def files(self) -> list[str]:
        """Return the files in Git that differ, those of the workspace that Git does not ignore included."""
        names = git("diff", "--name-only", "-z", "--no-renames", self.base.commit or "HEAD", *commits(self.head))
        found = set(names.split("\0"))
        if self.head.commit is None:
            found |= set(git("ls-files", "--others", "--exclude-standard", "-z").split("\0"))
        return sorted(found - {""})

    @cached_property
    def code(self) -> dict[str, list[str]]:
        """Return the changed files that a stage reads, by stage; and the rest, but for results and params."""
        results = [*self.head.outputs.values(), *self.base.outputs.values(), "dvc.lock", "params.yaml"]
        left = [path for path in self.files if not any(below(path, result) for result in results)]
        found = {
            name: [path for path in left if any(below(path, item) for item in declared(stage.get("deps") or []))]
            for name, stage in self.head.stages.items()
        }
        read = {path for paths in found.values() for path in paths}
        found[NOT_CODE] = [path for path in left if path not in read]
        return {name: paths for name, paths in found.items() if paths}

    def same(self, output: str) -> bool:
        """Say whether an output is the same in both, by the hashes of the lock."""
        known = self.base.output_hash(output)
        return known is not None and known == self.head.output_hash(output)

    @property
    def results_differ(self) -> bool:
        return any(not self.same(name) for name in self.head.outputs)

    @property
    def model_differs(self) -> bool:
        return not self.same("adapter")


def commits(revision: Revision) -> list[str]:
    return [revision.commit] if revision.commit else []


def below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(f"{folder}/")


@dataclass(frozen=True)
class DataChanges:
    """How the rows of two revisions differ. A row is known by its text, wherever it stands.

    Each table has columns row_id, text and, for both revisions, the split and the label.
    """

    counts: dict[str, tuple[int, int]]  # rows of each split, before and after
    came: "pd.DataFrame"
    went: "pd.DataFrame"
    moved: "pd.DataFrame"  # to another split
    relabelled: "pd.DataFrame"
    labels: tuple[list[str], list[str]]

    @property
    def seen_by_base(self) -> "pd.Series":
        """Return the row_ids that the base was trained or chosen on and that the head is tested on."""
        return self.moved.loc[self.moved["split_head"] == "test", "row_id"]


def data_changes(changes: Changes, folder: Path) -> DataChanges | None:
    """Compare the prepared rows of both revisions; None where the lock says that they are the same.

    Raises:
        Unavailable: when the rows of one can't be had.
    """
    if changes.same("prepared"):
        return None
    before, after = (prepared_rows(revision, folder) for revision in (changes.base, changes.head))
    both = before.merge(after, on="row_id", how="outer", suffixes=("_base", "_head"), indicator="where")
    both["text"] = both["text_head"].where(both["text_head"].notna(), both["text_base"])
    kept = both[both["where"] == "both"]
    return DataChanges(
        {split: (int((before["split"] == split).sum()), int((after["split"] == split).sum())) for split in SPLITS},
        both[both["where"] == "right_only"],
        both[both["where"] == "left_only"],
        kept[kept["split_base"] != kept["split_head"]],
        kept[kept["label_base"] != kept["label_head"]],
        (sorted(set(before["label"])), sorted(set(after["label"]))),
    )


def prepared_rows(revision: Revision, folder: Path) -> "pd.DataFrame":
    """Return row_id, text, label and split of all rows; of results older than row_id, the text stands for it."""
    import pandas as pd

    tables = []
    for split in SPLITS:
        table = pd.read_parquet(revision.fetch("prepared", f"{split}.parquet", folder))
        identity = table["row_id"] if "row_id" in table else table["text"]
        tables.append(table[["text", "label"]].assign(row_id=identity, split=split))
    return pd.concat(tables, ignore_index=True).drop_duplicates("row_id")
