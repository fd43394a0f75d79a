"""Say which input of a stage that failed is not the one that DVC has on record."""

import logging
import os
from typing import Any


def unfit_input(stage: str, error: Exception) -> str | None:
    """Return what is wrong with the files that the stages before this one left, and what to do; None where nothing is.

    A stage that is run by hand may find damaged files, or some made with other params, and can fail anywhere for it.
    Under `dvc repro` it finds none: DVC has looked before.
    """
    if "DVC_STAGE" in os.environ:
        return None
    from dvc.exceptions import DvcException  # takes half a second
    from dvc.repo import Repo

    logging.getLogger("dvc").setLevel(logging.CRITICAL)
    try:
        with Repo() as repo:
            what = first_change(repo, stage)
    except DvcException:  # no repository, or another process holds it
        return None
    reason = " ".join(f"{type(error).__name__}: {error}".split())[:150]
    return f"{what} ({reason}): `dvc repro` makes it anew" if what else None


def first_change(repo: Any, stage: str) -> str | None:
    """Return which of the stages before this one has outputs, or params, that are not those of dvc.lock."""
    status = repo.status(targets=[stage], with_deps=True)
    for maker in (each.name for each in repo.index.stages if each.name in status and each.name != stage):
        changes = {kind: paths for change in status[maker] for kind, paths in change.items()}
        if outputs := changes.get("changed outs"):
            found = repo.data_status(targets=list(outputs), granular=True)["uncommitted"].values()
            files = [path for paths in found for path in paths if not path.endswith("/")]  # but those in Git
            return f"{', '.join(files or outputs)}: not what {maker} left"
        params = changes.get("changed deps", {}).get("params.yaml")
        if isinstance(params, dict):
            return f"what {maker} left: made with another {', '.join(params)}"
    return None
