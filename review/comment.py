"""Put a report on a pull request as one comment, which is updated when there is a newer report.

Run: python -m review.comment reports/review.md, in a GitHub workflow. It needs nothing but Python.
"""

import json
import os
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

MARKER = "<!-- review of the classifier -->"  # the first line of a report, by which its comment is found again
PAGE = 100  # comments, GitHub's most


def main() -> None:
    try:
        body = Path(sys.argv[1]).read_text(encoding="utf-8")
        place = f"/repos/{os.environ['GITHUB_REPOSITORY']}/issues"
        own = find_comment(f"{place}/{os.environ['PULL_REQUEST']}/comments")
        if own:
            ask("PATCH", f"{place}/comments/{own}", {"body": body})
        else:
            ask("POST", f"{place}/{os.environ['PULL_REQUEST']}/comments", {"body": body})
    except (IndexError, KeyError) as error:
        sys.exit(f"error: {error}: give the report's path, and GITHUB_REPOSITORY, PULL_REQUEST and GITHUB_TOKEN")
    except (OSError, urllib.error.HTTPError) as error:
        sys.exit(f"error: the report could not be put on the pull request: {error}")


def find_comment(place: str) -> int | None:
    """Return the number of the comment that an earlier report is in."""
    page = 1
    while True:
        comments = ask("GET", f"{place}?per_page={PAGE}&page={page}")
        for comment in comments:
            # anyone can write the marker: only what the workflow itself wrote is its to change
            if comment["body"].startswith(MARKER) and comment["user"]["type"] == "Bot":
                return comment["id"]
        if len(comments) < PAGE:
            return None
        page += 1


def ask(method: str, path: str, content: dict[str, Any] | None = None) -> Any:
    """Send a request to GitHub and return the answer."""
    request = urllib.request.Request(
        os.environ.get("GITHUB_API_URL", "https://api.github.com") + path,
        data=json.dumps(content).encode() if content else None,
        method=method,
        headers={
            "Authorization": f"Bearer {os.environ['GITHUB_TOKEN']}",
            "Accept": "application/vnd.github+json",
            "Content-Type": "application/json",
        },
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


if __name__ == "__main__":
    main()
