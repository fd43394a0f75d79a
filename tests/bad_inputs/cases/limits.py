"""The machine."""

from itertools import product

from bad_inputs import MB, Case, nothing

STAGES = ["prepare_data", "tokenize", "train_lora", "evaluate", "export"]
ROOM = "no room to write …, since files may not be larger here (see `ulimit -f`): free some and run again"
MEMORY = "not enough memory (…): give it more, or less to do at once, by fewer rows, shorter texts or smaller batches"

CASES = [
    *(
        Case(f"room-{stage}", "no room on the disk", nothing, [ROOM], command=f"stages.{stage}", file_size=3000)
        for stage in STAGES
    ),
    *(
        Case(
            f"memory-{stage}-{megabytes}",
            f"{megabytes} MB of memory beyond the libraries",
            nothing,
            [MEMORY],
            command=f"stages.{stage}",
            address_space=megabytes * MB,
            seconds=60,
            nightly=True,
        )
        for stage, megabytes in (("prepare_data", 1), *product(STAGES[2:], (1, 8)))
        if (stage, megabytes) != ("evaluate", 1)  # glibc aborts a process that can't have its threads' own data
    ),
    Case(
        "no-repository",
        "a stage is run in another folder",
        nothing,
        ["params.yaml is not there: run in the repository's root"],
        command="stages.prepare_data",
        folder="data",
        environment={"PYTHONPATH": ".."},
        fresh=True,
    ),
    Case(
        "arguments",
        "a stage is given arguments",
        nothing,
        ["a stage takes no arguments, but what params.yaml says; however: --epochs 3"],
        command="stages.train_lora --epochs 3",
    ),
]
