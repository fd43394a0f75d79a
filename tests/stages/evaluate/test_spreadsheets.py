"""No cell of a table that people open is taken for a formula."""

import pandas as pd

from stages.evaluate.predictions import for_people


def test_no_cell_is_a_formula() -> None:
    table = pd.DataFrame({"=x": ["=1+1", "-1.5", "good"], "n": [-1, 2, 3], "text": ["@a", "+b", "\tc"]})
    safe = for_people(table)
    assert list(safe.columns) == ["'=x", "n", "text"]
    assert safe.values.tolist() == [["'=1+1", -1, "'@a"], ["-1.5", 2, "'+b"], ["good", 3, "'\tc"]]
    assert for_people(safe).equals(safe)
