"""Every architecture is trained, reloaded and merged right, or refused in one line: docs/architectures.md has it."""

import pytest
from architectures import ARCHITECTURES, MODES, page_rows, row_line, row_of

UNLIKE_THE_OTHERS = ("fnet",)  # in make test: its logits depend on padding, it has no attention and takes no mask


@pytest.mark.parametrize(
    "model_type",
    [name if name in UNLIKE_THE_OTHERS else pytest.param(name, marks=pytest.mark.nightly) for name in ARCHITECTURES],
)
def test_an_architecture_works_or_is_refused_in_one_line(model_type: str) -> None:
    row = row_of(model_type)
    assert not row.get("refused", "").startswith("failed: "), row["refused"]
    assert {row.get(mode, "yes") for mode in MODES} <= {"yes", "float32", "like plain"}
    assert page_rows().get(model_type) in (None, row_line(model_type, row))
