"""The params."""

from typing import Any

from bad_inputs import Case, both, replace, set_params, write

VALUES: dict[str, tuple[Any, str]] = {  # one key set to a value, and what is said after the key
    "lora.r": (0, "greater than or equal to 1; however: 0"),
    "lora.alpha": (-1.0, "greater than 0; however: -1.0"),
    "lora.dropout": (1.0, "less than 1; however: 1.0"),
    "lora.target_modules": (
        [],
        "'auto' or …; however: []",
    ),
    "lora.layers": (10**12, "'all' or less than or equal to 1000 or a valid list; however: 1000000000000"),
    "lora.init": ("random", "…default, gaussian, orthogonal…; however: 'random'"),
    "lora.dora": ("yes", "a valid boolean; however: 'yes'"),
    "data.source": ([], "…List should have at least 1 item after validation, not 0…; however: []"),
    "data.text_column": (7, "a valid string; however: 7"),
    "data.near_duplicate_similarity": (1.5, "less than or equal to 1; however: 1.5"),
    "data.split": ("stratified", "'blocked' …; however: 'stratified'"),
    "data.train_rows": (10**12, "less than or equal to 1000000000; however: 1000000000000"),
    "data.seed": (2**32, "less than 4294967296; however: 4294967296"),
    "model.load_in_4bit": (1, "a valid boolean; however: 1"),
    "tokenize.max_length": (4, "greater than or equal to 8; however: 4"),
    "tokenize.head_fraction": ("half", "a valid number; however: 'half'"),
    "tokenize.long_texts": ("split", "'truncate' or 'windows'; however: 'split'"),
    "tokenize.window_overlap": (1.0, "less than or equal to 0.9; however: 1.0"),
    "train.epochs": (1.5, "a valid integer; however: 1.5"),
    "train.batch_size": (10**30, "less than or equal to 100000; however: 1000000000000000000000000000000"),
    "train.learning_rate": ("fast", "a valid number; however: 'fast'"),
    "train.prefix_cache_gb": (1e30, "less than or equal to 1000000; however: 1e+30"),
    "train.launcher": ("torchrun 'two", 'a command with a quote that is not closed; however: "torchrun \'two"'),
    "evaluate.resamples": (10**12, "less than or equal to 1000000; however: 1000000000000"),
    "evaluate.slices": ("source", "a valid list; however: 'source'"),
    "export.max_logit_difference": (float("nan"), "a finite number; however: nan"),
}
BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)
ONE_VALUE = [
    Case(f"value-{key}", f"`{key}: {value}`", set_params(**{key: value}), [f"{key}: {line}"])
    for key, (value, line) in VALUES.items()
]
FILES: dict[str, tuple[str, str | bytes, str]] = {  # all of params.yaml, and what is said of it
    "open-bracket": ("an open bracket", "data: [1, 2\n", "line 2: …"),
    "tab": ("a tab for spaces", "lora:\n\tr: 8\n", "line 2: found character '\\t' that cannot start any token"),
    "two-documents": ("two documents", "lora: {r: 1}\n---\nlora: {r: 2}\n", "line 2: but found another document"),
    "python-tag": (
        "a tag that would run Python",
        "lora: !!python/object/apply:os.system [ls]\n",
        "line 1: could not …",
    ),
    "no-anchor": ("an alias of nothing", "lora: *r\n", "line 1: found undefined alias …"),
    "digits": ("a number of 5,000 digits", f"lora: {{r: {'9' * 5000}}}\n", "Exceeds the limit …"),
    "latin-1": ("bytes that are not UTF-8", b"caf\xe9: 1\n", "…"),
    "deep": ("a list 20,000 deep", "- " * 20_000, "it is too deep"),
}

CASES = [
    *ONE_VALUE,
    Case(
        "odd-orthogonal",
        "`lora.init: orthogonal` with an odd rank",
        set_params(**{"lora.init": "orthogonal", "lora.r": 7}),
        ["lora.init: orthogonal goes with an even lora.r, not with 7; however: 'orthogonal'"],
    ),
    Case(
        "labels-one-class",
        "`data.labels` names one class",
        set_params(**{"data.labels": {0: "bad", 1: "bad"}}),
        ["data.labels: must name at least two classes; however: {…}"],
    ),
    Case(
        "labels-one-value",
        "`data.labels` has 1 and '1'",
        set_params(**{"data.labels": {1: "bad", "1": "good"}}),
        ["data.labels: a value must be there once, and not be empty: 1, 1.0 and '1' are one value; however: {…}"],
    ),
    Case(
        "labels-numbers",
        "classes without names",
        set_params(**{"data.labels": {0: 0, 1: 1}}),
        ["data.labels.0: a valid string; however: 0", "data.labels.1: a valid string; however: 1"],
    ),
    Case(
        "labels-null",
        "no value in `data.labels`",
        set_params(**{"data.labels": {None: "bad", 1: "good"}}),
        ["data.labels: a valid string or a valid integer or a valid boolean or a valid number; however: None"],
    ),
    Case(
        "labels-lines",
        "a class's name of two lines",
        set_params(**{"data.labels": {0: "bad\n# x", 1: "good"}}),
        ["data.labels: a class's name must be one line, with no space around it, unlike …"],
    ),
    Case(
        "misspelt-key",
        "a key is misspelt",
        replace("params.yaml", "  dropout:", "  droput:"),
        [
            "lora.dropout: missing key, add it",
            "lora.droput: unknown key, remove it or correct its name (did you mean lora.dropout?)",
        ],
        command="stages.train_lora",
    ),
    Case(
        "other-section",
        "a key is in the wrong section",
        replace("params.yaml", "  alpha:", "  learning_rate: 0.001\n  alpha:"),
        ["lora.learning_rate: unknown key, move it to train.learning_rate"],
        command="stages.tokenize",
    ),
    Case(
        "no-section",
        "a key is in no section",
        replace("params.yaml", "lora:\n", "max_length: 64\nlora:\n"),
        ["max_length: unknown section, move it to tokenize.max_length"],
        command="stages.evaluate",
    ),
    Case(
        "misspelt-section",
        "a section is misspelt",
        replace("params.yaml", "lora:\n", "lorra:\n"),
        [
            "lora: missing section, add it",
            "lorra: unknown section, remove it or correct its name (did you mean lora?)",
        ],
        command="stages.export",
    ),
    Case(
        "empty-section",
        "a section without keys",
        replace("params.yaml", "export:\n", "export:\nmore:\n"),
        [
            "export: a section with keys; however: None",
            "more: unknown section, remove it or correct its name …",
        ],
    ),
    Case(
        "key-twice",
        "a key is there twice",
        replace("params.yaml", "  alpha:", "  r: 4\n  alpha:"),
        ['params.yaml is not valid YAML: line …: found duplicate key "r" …'],
    ),
    Case(
        "many-mistakes",
        "several mistakes in several sections",
        both(set_params(**{"lora.r": 0, "train.epochs": 0}), replace("params.yaml", "onnx: true", "onnx: maybe")),
        [
            "export.onnx: a valid boolean; however: 'maybe'",
            "lora.r: greater than or equal to 1; however: 0",
            "train.epochs: greater than or equal to 1; however: 0",
        ],
        command="stages.train_lora",
    ),
    *(
        Case(f"yaml-{name}", broken, write("params.yaml", content), [f"params.yaml is not valid YAML: {line}"])
        for name, (broken, content, line) in FILES.items()
    ),
    Case(
        "yaml-empty",
        "an empty file",
        write("params.yaml", ""),
        ["params.yaml must hold the sections data, model, tokenize, lora, train, evaluate, export; however: nothing"],
    ),
    Case(
        "yaml-list",
        "a list for sections",
        write("params.yaml", "- a\n- b\n"),
        ["params.yaml must hold the sections …; however: ['a', 'b']"],
    ),
    Case(
        "yaml-large",
        "a file of two megabytes",
        write("params.yaml", "#" * 2_000_000),
        ["params.yaml must be a file of at most 1,000,000 bytes"],
    ),
    Case(
        "yaml-bomb",
        "aliases that stand for 9⁹ values",
        write("params.yaml", BOMB),
        [
            *(f"{name}: unknown section, remove it or correct its name…" for name in "abcd"),
            "data: missing section, add it",
            *(f"{name}: unknown section, remove it or correct its name…" for name in "e"),
            "evaluate: missing section, add it",
            "export: missing section, add it",
            *(f"{name}: unknown section, remove it or correct its name…" for name in "fghi"),
            *(f"{name}: missing section, add it" for name in ("lora", "model", "tokenize", "train")),
        ],
    ),
    Case(
        "dvc-misspelt-key",
        "a misspelt key, with DVC",
        replace("params.yaml", "  block_rows:", "  block_row:"),
        [
            "data.block_row: unknown key, remove it or correct its name (did you mean data.block_rows?)",
            "data.block_rows: missing key, add it",
        ],
        command="dvc repro",
        status=255,
    ),
]
