"""Say when two texts are the same but for dress: capitals, spaces and punctuation."""

import re
import unicodedata
from hashlib import blake2b

EMOTICON = re.compile(r"[:;=]['\u2019]?[-^]?(?:[][(){}|*<>\\@]|/(?!/))|[][(){}][-^]?['\u2019]?[:;=]|<[/\\]?3")


class Told(dict[int, int | None]):
    """What `str.translate` does with a character: letters, digits, their marks and symbols stay, the rest goes.

    Marks are part of the letters in Hindi, Thai and other scripts, and emoji are symbols. An ASCII symbol, such as `^`
    or `+`, is punctuation here.
    """

    def __missing__(self, code: int) -> int | None:
        category = unicodedata.category(chr(code))
        kept = category[0] in "LMN" or (category[0] == "S" and code > 127)
        self[code] = code if kept else None
        return self[code]


TOLD = Told()


def copy_key(text: str) -> str:
    """Return what tells a clean text from others; copies have the same. It is empty for an empty text alone.

    Emoticons count, other punctuation doesn't, unless there is nothing else.
    """
    return text.casefold().translate(TOLD) + "".join(f"\0{found}" for found in EMOTICON.findall(text)) or text


def hashed_key(*texts: str) -> int:
    """Return the hash of a text's key, or of a pair's, of 64 bits: two of five million are the same by chance once in a
    million; 0 if a text is empty."""
    keys = list(map(copy_key, texts))
    whole = "\1".join(keys).encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(whole, digest_size=8).digest()) if all(keys) else 0
