"""Measurements behind each claim about speed."""

import stages  # noqa: F401  (sets how threads wait, as every stage does, before torch is loaded)
