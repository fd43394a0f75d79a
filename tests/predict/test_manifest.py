"""An exported folder that is not as it was exported is refused."""

import shutil
from pathlib import Path

import pytest
from exported import (
    Runner,
)


@pytest.mark.parametrize("name", ["onnx/model_int8.onnx", "tokenizer.json"])
def test_a_changed_file_of_the_model_is_refused(predict: Runner, exported: Path, tmp_path: Path, name: str) -> None:
    folder = shutil.copytree(exported, tmp_path / "exported")
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)
    _, errors = Runner(folder, predict.environment)("good", status=1)
    assert (
        errors == f"error: {folder / name} is not the file that was exported: copy or export the whole folder again\n"
    )
    if name.startswith("onnx"):
        Runner(folder, predict.environment)("--precision", "fp32", "good")
    (folder / name).unlink()
    _, errors = Runner(folder, predict.environment)("good", status=1)
    assert errors == f"error: {folder / name} is missing: copy or export the whole folder again\n"
