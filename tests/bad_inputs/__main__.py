"""Print docs/bad_inputs.md.

Run: PYTHONPATH=tests python -m bad_inputs
"""

from bad_inputs import Case, areas


def page() -> str:
    """Return the table of bad inputs, as Markdown."""
    tables = areas()
    count = sum(len(cases) for _, cases in tables.values())
    lines = [
        "# What can be wrong, and what is said about it",
        "",
        f"Made by `make docs` from the {count} cases in `tests/bad_inputs/cases`. `make nightly` runs each of them,",
        "`make test` a fourth, another at each commit. In each the command prints what is on the right after `error:`,",
        "with no traceback and within ten seconds, exits with a status that is not 0, and leaves every file as it was.",
        "`…` stands for any text.",
    ]
    for title, cases in tables.values():
        lines += ["", f"## {title}", "", "| what is wrong | command | what is said |", "| --- | --- | --- |"]
        lines += map(row, cases)
    return "\n".join(lines) + "\n"


def row(case: Case) -> str:
    said = "<br>".join(code(line) for line in case.lines)
    return f"| {cell(case.broken)} | {code(shown_command(case.command))} | {said} |"


def shown_command(command: str) -> str:
    command = command.encode(errors="backslashreplace").decode()  # bytes that are not UTF-8
    return command if command.startswith("dvc") else f"python -m {command}"


def code(text: str) -> str:
    fence = "``" if "`" in text else "`"
    return f"{fence}{' ' * (len(fence) - 1)}{cell(text)}{' ' * (len(fence) - 1)}{fence}"


def cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


if __name__ == "__main__":
    print(page(), end="")
