"""The params that decide an output."""

from typing import Any

from stages.common.params import Section

NO_EFFECT = frozenset({"launcher", "prefix_cache_gb"})  # they decide how fast training runs, not what it leaves


def decisive(section: Section) -> dict[str, Any]:
    """Return a section of the params without the keys that can't change an output."""
    return section.model_dump(exclude=set(NO_EFFECT))
