"""The machine."""

from bad_inputs import Case, nothing

CASES = [
    Case(
        "full-disk-prepare",
        "a full disk",
        nothing,
        ["no room to write …: free some space and run again"],
        file_size=3000,
    ),
]
