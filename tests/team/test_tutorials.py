"""Each tutorial of docs/team.md is followed by a test."""

import re
from pathlib import Path

from people import PAGE


def test_every_heading_with_commands_is_followed_by_a_test() -> None:
    page = PAGE.read_text(encoding="utf-8")
    sections = page.split("\n## ")[1:]
    headings = {section.partition("\n")[0] for section in sections if "```console" in section}
    tests = "".join(path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_*.py"))
    assert headings
    assert headings == {heading for heading in headings if f'"{heading}"' in tests}
    linked = set(re.findall(r"^- \[(.*?)\]\(#", page, flags=re.MULTILINE))
    assert linked == headings
