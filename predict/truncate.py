"""Choose the part of a long text that is kept, the same for training and for prediction. Standard library only."""


def truncate(ids: list[int], room: int, truncation: str, head_fraction: float) -> list[int]:
    """Return at most `room` of a text's token ids: its start, its end, or some of both."""
    if len(ids) <= room:
        return ids
    head = {"head": room, "tail": 0, "head_tail": round(room * head_fraction)}[truncation]
    return ids[:head] + ids[len(ids) - (room - head) :]
