"""dvc.yaml, params.yaml, the code and the README say the same."""

import ast
import importlib
import inspect
import io
import json
import re
from pathlib import Path

import pytest
from conftest import REPOSITORY
from pydantic import BaseModel
from ruamel.yaml import YAML

from stages.common import params as schema

PIPELINE = YAML(typ="safe").load(REPOSITORY / "dvc.yaml")
STAGES = ["prepare-data", "tokenize", "train-lora", "evaluate", "export"]
SCHEMA = Path("stages/common/params.py")  # rejects or accepts, and so can't change an output


def module_path(name: str) -> Path:
    return Path(name.replace(".", "/") + ".py")


def imported(path: Path) -> set[Path]:
    """Return the modules of this repository that a file imports, by any of the forms of `import`."""
    names = set()
    for node in ast.walk(ast.parse((REPOSITORY / path).read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return {module_path(name) for name in names if (REPOSITORY / module_path(name)).exists()}


def import_closure(path: Path) -> set[Path]:
    found, waiting = set(), {path}
    while waiting:
        path = waiting.pop()
        found.add(path)
        waiting |= imported(path) - found
    return found


def sections_read(path: Path) -> set[str]:
    """Return the sections that a stage takes from the params, as attributes of the name `params`."""
    read = set()
    for node in ast.walk(ast.parse((REPOSITORY / path).read_text())):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "params":
            read.add(node.attr)
    return read & set(schema.Params.model_fields)


def declared_code(stage: str) -> set[Path]:
    return {Path(path) for path in PIPELINE["stages"][stage]["deps"] if path.endswith(".py")}


def test_stages_stand_in_order():
    assert list(PIPELINE["stages"]) == STAGES


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_declares_the_code_it_imports(stage: str):
    module = module_path(f"stages.{stage.replace('-', '_')}")
    assert PIPELINE["stages"][stage]["cmd"] == f"python -m stages.{module.stem}"
    copied = (
        {path.relative_to(REPOSITORY) for path in (REPOSITORY / "predict").glob("*.py")} if stage == "export" else set()
    )
    assert declared_code(stage) == (import_closure(module) | copied) - {SCHEMA}


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_declares_the_params_it_reads(stage: str):
    module = module_path(f"stages.{stage.replace('-', '_')}")
    assert set(PIPELINE["stages"][stage]["params"]) == sections_read(module)


@pytest.mark.parametrize("stage", STAGES)
def test_stages_do_not_import_stages(stage: str):
    module = module_path(f"stages.{stage.replace('-', '_')}")
    assert {path.parent for path in import_closure(module) - {module}} <= {Path("stages/common"), Path("predict")}


def test_the_schema_only_accepts_or_rejects():
    sections = [item for _, item in inspect.getmembers(schema, inspect.isclass) if issubclass(item, BaseModel)]
    fields = [(section, name) for section in sections for name in section.model_fields]
    assert len(fields) > 30
    assert [name for section, name in fields if not section.model_fields[name].is_required()] == []


def test_the_params_are_written_as_dvc_writes_them():
    written = io.StringIO()  # or `dvc exp run -S` would change more lines than the one asked for
    yaml = YAML()
    yaml.dump(yaml.load(text := (REPOSITORY / "params.yaml").read_text()), written)
    assert written.getvalue() == text


def test_all_results_but_metrics_and_plots_stay_out_of_git():
    ignored = (REPOSITORY / ".gitignore").read_text().split()
    for entry in PIPELINE["stages"].values():
        assert all(f"/{path}" in ignored for path in entry["outs"])


@pytest.mark.parametrize("stage", STAGES)
def test_every_module_is_importable_without_running(stage: str):
    importlib.import_module(f"stages.{stage.replace('-', '_')}")


def test_the_readme_explains_every_param():
    explained = set()
    for line in (REPOSITORY / "README.md").read_text().splitlines():
        if line.startswith("| `"):
            explained |= {name for name in line.split("|")[1].replace("`", "").replace(",", " ").split() if "." in name}
    wanted = {
        f"{section}.{name}"
        for section, field in schema.Params.model_fields.items()
        for name in field.annotation.model_fields
    }
    assert explained == wanted


def test_the_readme_quotes_the_committed_scores():
    readme = (REPOSITORY / "README.md").read_text()
    scores = json.loads((REPOSITORY / "metrics/evaluate.json").read_text())
    quoted = dict(re.findall(r"^\| (accuracy|f1) \| ([\d.]+) \|", readme, flags=re.MULTILINE))
    assert quoted == {name: str(scores[name]) for name in ("accuracy", "f1")}
