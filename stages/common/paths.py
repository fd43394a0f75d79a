"""The paths of a stage, read from dvc.yaml, which is their only home."""

from pathlib import Path

from ruamel.yaml import YAML

from stages.common.errors import MissingInput


def stage_paths(stage: str) -> dict[str, Path]:
    """Return the data that `stage` depends on and all that it makes, each under its file name.

    `data/tokenized` is `paths["tokenized"]` and `metrics/train.json` is `paths["train.json"]`. Code is left out. The
    working folder must be the repository's root, as it is under `dvc repro`.

    Raises:
        MissingInput: when dvc.yaml, or a file or folder that the stage depends on, is not there.
    """
    if not Path("dvc.yaml").exists():
        raise MissingInput(f"stages run in the repository's root, but {Path.cwd()} has no dvc.yaml: cd there first")
    declared = YAML(typ="safe").load(Path("dvc.yaml"))["stages"]
    paths: dict[str, Path] = {}
    for dependency in _paths(declared[stage].get("deps", [])):
        if dependency.suffix == ".py":
            continue
        if not dependency.exists():
            maker = next((name for name, entry in declared.items() if dependency in _outputs(entry)), None)
            remedy = f"`dvc repro {maker}` makes it" if maker else "restore it"
            raise MissingInput(f"{stage} needs {dependency}, which is not there: {remedy}")
        paths[dependency.name] = dependency
    for output in _outputs(declared[stage]):
        paths[output.name] = output
    return paths


def _outputs(entry: dict) -> list[Path]:
    return _paths([*entry.get("outs", []), *entry.get("metrics", []), *entry.get("plots", [])])


def _paths(items: list) -> list[Path]:
    """DVC writes an item as `path` or as `{path: options}`."""
    return [Path(next(iter(item)) if isinstance(item, dict) else item) for item in items]
