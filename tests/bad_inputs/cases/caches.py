"""The user's cache folder."""

from bad_inputs import Case, both, nothing, set_params, write

HOME = "cache/lora-text-classifier"
CASES = [
    Case(
        f"cache-{name}",
        f"`XDG_CACHE_HOME`: {broken}",
        how,
        [f"XDG_CACHE_HOME: {line}: name another folder"],
        command="stages.train_lora",
        environment={"XDG_CACHE_HOME": cache},
        leaves=(f"{HOME}/checkpoints",),
    )
    for name, broken, how, cache, line in [
        ("file", "a file", write("cache", ""), "cache", f"{HOME}/checkpoints can't be made (Not a directory)"),
        (
            "loop",
            "a link to itself",
            lambda folder: (folder / "cache").symlink_to("cache"),
            "cache",
            f"{HOME}/checkpoints can't be made (Too many levels of symbolic links)",
        ),
        ("long", "too long a name", nothing, "a" * 300, "…/checkpoints can't be made (File name too long)"),
        ("null", "no folder of a disk", nothing, "/dev/null", "/dev/null/… can't be made (Not a directory)"),
        (
            "prefix",
            "a file where stored prefixes go",
            both(set_params(**{"lora.layers": 1}), write(f"{HOME}/prefix", "")),
            "cache",
            f"{HOME}/prefix can't be made (File exists)",
        ),
    ]
]
