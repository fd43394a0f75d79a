"""The machine."""

from bad_inputs import MB, Case, nothing
from bad_inputs.cases.own_data import source

STAGES = ["prepare_data", "tokenize", "train_lora", "evaluate", "export"]
ROOM = "no room to write …, since files may not be larger here (see `ulimit -f`): free some and run again"
MEMORY = "not enough memory (…): give it more, or less to do at once, by fewer rows, shorter texts or smaller batches"

CASES = [
    *(
        Case(f"room-{stage}", "no room on the disk", nothing, [ROOM], command=f"stages.{stage}", file_size=3000)
        for stage in STAGES
    ),
    Case(
        "memory-prepare_data",
        "a text of 90 MB, and 40 MB of memory beyond the libraries",
        lambda folder: source("a.csv", f"text,label\n{'film ' * 18 * MB},1\n")(folder),  # made when it is needed
        [MEMORY],
        command="stages.prepare_data",
        address_space=40 * MB,
        seconds=60,
        nightly=True,
    ),
    *(
        Case(
            f"memory-{stage}",
            "8 MB of memory beyond the libraries",
            nothing,
            [MEMORY],
            command=f"stages.{stage}",
            address_space=8 * MB,
            seconds=60,
            nightly=True,
        )
        for stage in STAGES[2:]
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
