"""The params."""

from bad_inputs import Case, replace, set_params, write

CASES = [
    Case("rank-0", "`lora.r` is 0", set_params(**{"lora.r": 0}), ["lora.r: greater than or equal to 1; however: 0"]),
    Case(
        "unknown-key",
        "a key's name is misspelt",
        replace("params.yaml", "  dropout:", "  droput:"),
        [
            "lora.dropout: missing key, add it",
            "lora.droput: unknown key, remove it or correct its name (did you mean lora.dropout?)",
        ],
        command="stages.train_lora",
    ),
    Case("no-yaml", "an open bracket", write("params.yaml", "data: [1, 2\n"), ["params.yaml is not valid YAML: …"]),
    Case(
        "unknown-key-dvc",
        "the same under DVC",
        replace("params.yaml", "  seed: 0", "  sead: 0"),
        [
            "data.sead: unknown key, remove it or correct its name (did you mean data.seed?)",
            "data.seed: missing key, add it",
        ],
        command="dvc repro",
        status=255,
    ),
]
