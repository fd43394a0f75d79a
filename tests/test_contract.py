"""dvc.yaml, the code and the docs say the same."""

import ast
import importlib
import inspect
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from ruamel.yaml import YAML
from tiny import REPOSITORY, Clone, edit_params, labelled_texts

from stages.common import params as schema
from stages.common.decisive import NO_EFFECT
from stages.common.params import as_markdown

PIPELINE = YAML(typ="safe").load(REPOSITORY / "dvc.yaml")
STAGES = ["prepare-data", "tokenize", "train-lora", "evaluate", "export", "keep-metrics"]
SCHEMA = {
    Path("stages/common/params.py"),
    Path("stages/common/params_file.py"),
    Path("stages/common/params_values.py"),
}  # can't change an output: they only reject
ALLOWED_IMPORTS = {  # of each package, what it may import beside itself
    "predict": set(),
    "scoring": set(),
    "stages": {"predict", "scoring"},
    "sharing": {"predict", "stages"},
    "review": {"predict", "scoring", "stages"},
    "start": {"predict", "stages"},
    "bench": {"predict", "scoring", "stages"},
}


def module_files(name: str) -> set[Path]:
    """Return the files behind a module's name: a package has two."""
    path = Path(name.replace(".", "/"))
    return {file for file in (path.with_suffix(".py"), path / "__init__.py") if (REPOSITORY / file).exists()}


def entry(stage: str) -> Path:
    module = PIPELINE["stages"][stage]["cmd"].removeprefix("python -m ")
    path = Path(module.replace(".", "/"))
    return path / "__main__.py" if (REPOSITORY / path).is_dir() else path.with_suffix(".py")


def imported(path: Path) -> set[Path]:
    """Return the modules of this repository that a file imports, by any of the forms of `import`."""
    names = set()
    for node in ast.walk(ast.parse((REPOSITORY / path).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return {file for name in names for file in module_files(name)} - {path}


def import_closure(path: Path) -> set[Path]:
    found, waiting = set(), {path}
    while waiting:
        path = waiting.pop()
        found.add(path)
        waiting |= imported(path) - found
    return {path for path in found if (REPOSITORY / path).stat().st_size}  # an empty __init__.py decides nothing


def python_files(folder: Path) -> set[Path]:
    return {path.relative_to(REPOSITORY) for path in (REPOSITORY / folder).rglob("*.py") if path.stat().st_size}


def declared_code(stage: str) -> set[Path]:
    paths = [Path(path) for path in PIPELINE["stages"][stage]["deps"]]
    code = {path for path in paths if path.suffix == ".py"}
    return code.union(*(python_files(path) for path in paths if path.parts[0] in ("stages", "predict", "scoring")))


def declared_params(stage: str) -> set[str]:
    """Return the dotted keys of a stage; a whole section stands for all of its keys."""
    keys = set()
    for name in PIPELINE["stages"][stage].get("params", []):
        section: Any = schema.Params.model_fields[name.partition(".")[0]].annotation
        keys |= {name} if "." in name else {f"{name}.{key}" for key in section.model_fields}
    return keys


def test_stages_stand_in_order() -> None:
    assert list(PIPELINE["stages"]) == STAGES


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_declares_the_code_it_imports(stage: str) -> None:
    assert PIPELINE["stages"][stage]["cmd"] == f"python -m stages.{stage.replace('-', '_')}"
    copied = python_files(Path("predict")) if stage == "export" else set()
    assert declared_code(stage) == (import_closure(entry(stage)) | copied) - SCHEMA


def test_imports_go_down_only() -> None:
    for package, allowed in ALLOWED_IMPORTS.items():
        for path in python_files(Path(package)):
            packages = {file.parts[0] for file in imported(path)}
            assert packages <= {package, *allowed}, path


@pytest.mark.parametrize("stage", STAGES)
def test_stages_do_not_import_stages(stage: str) -> None:
    own = entry(stage).parent if entry(stage).name == "__main__.py" else entry(stage)
    for path in import_closure(entry(stage)):
        inside = path == own or own in path.parents
        assert inside or path.parts[0] in ("predict", "scoring") or path.parts[:2] == ("stages", "common"), path


class Recorder:
    """Stands for a section of the params and notes which of its keys are read."""

    def __init__(self, name: str, section: BaseModel, read: set[str]) -> None:
        self._name, self._section, self._read = name, section, read

    def __getattr__(self, key: str) -> Any:
        if key in type(self._section).model_fields:
            self._read.add(f"{self._name}.{key}")
        return getattr(self._section, key)

    def model_dump(self, exclude: Collection[str] = ()) -> dict[str, Any]:
        self._read.update(f"{self._name}.{key}" for key in type(self._section).model_fields if key not in exclude)
        return self._section.model_dump(exclude=set(exclude))


@pytest.fixture
def read_by(clone: Clone, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Give a function that runs a stage in a clone, with some params changed, and returns the dotted keys it reads."""
    monkeypatch.chdir(clone.folder)

    def run(stage: str, changes: dict[str, object]) -> set[str]:
        edit_params(clone.folder, **changes)
        module = importlib.import_module(str(entry(stage).with_suffix("")).replace("/", "."))
        read: set[str] = set()

        def recorded() -> Any:
            params = schema.load_params()
            sections = {name: Recorder(name, getattr(params, name), read) for name in type(params).model_fields}
            return type("RecordedParams", (), sections)()

        monkeypatch.setattr(module, "load_params", recorded, raising=stage != "keep-metrics")
        module.main()
        return read

    return run


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_declares_the_params_it_reads(stage: str, read_by: Any) -> None:
    without_effect = {f"train.{key}" for key in NO_EFFECT}
    read = set().union(*(read_by(stage, changes) for changes in runs_of(stage)))
    assert read - without_effect == declared_params(stage)


def runs_of(stage: str) -> list[dict[str, object]]:
    """Return changes to the params under which a stage, run after run, reads every key that it may read."""
    blocked: dict[str, object] = {"data.split": "blocked", "data.block_rows": 5}
    if stage != "prepare-data":
        return [blocked]
    rows = [
        f"{text},{label},{('train', 'train', 'validation', 'test')[at // 2 % 4]}"
        for at, (text, label) in enumerate(labelled_texts(280))
    ]
    copied = rows[0].replace("train", "test")  # of a text in train
    Path("data/raw/given.csv").write_text("\n".join(["text,label,part", *rows, copied, "one of its kind,2,train"]))
    given: dict[str, object] = {"data.source": "data/raw/given.csv", "data.split_column": "part", "data.labels": None}
    given |= dict.fromkeys(("data.train_rows", "data.validation_rows", "data.test_rows"))
    rare: dict[str, object] = {
        "data.split_column": None,
        "data.validation_rows": 40,
        "data.test_rows": 60,
        "data.rare_classes": "drop",
    }
    return [blocked, given, rare, {"data.multi_label": True}]


def test_the_schema_only_accepts_or_rejects() -> None:
    sections = [item for _, item in inspect.getmembers(schema, inspect.isclass) if issubclass(item, BaseModel)]
    fields = [(section, name) for section in sections for name in section.model_fields]
    assert len(fields) > 30
    assert [name for section, name in fields if not section.model_fields[name].is_required()] == []


def test_all_results_but_metrics_and_plots_stay_out_of_git() -> None:
    ignored = (REPOSITORY / ".gitignore").read_text().split()
    for stage in PIPELINE["stages"].values():
        assert all(f"/{path}" in ignored for path in stage["outs"])


@pytest.mark.parametrize("path", sorted(map(str, python_files(Path("stages")) | python_files(Path("scoring")))))
def test_every_module_is_importable_without_running(path: str) -> None:
    importlib.import_module(path.removesuffix(".py").replace("/", "."))


def test_the_page_of_params_is_that_of_the_schema() -> None:
    assert (REPOSITORY / "docs/params.md").read_text(encoding="utf-8") == as_markdown()
