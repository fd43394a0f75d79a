"""Open a file of data: find it, unpack it, and say how its characters are encoded."""

import bz2
import codecs
import gzip
import io
import lzma
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
from charset_normalizer import from_bytes

from stages.common.errors import MissingInput, UserError
from stages.prepare_data.bad_rows import plural, shown

TEXT_SUFFIXES = (".csv", ".tsv", ".txt", ".json", ".jsonl", ".ndjson")
SUFFIXES = (*TEXT_SUFFIXES, ".parquet", ".arrow", ".feather", ".xlsx", ".xlsm", ".xls", ".ods")
PACKED = (".gz", ".bz2", ".xz", ".zst", ".zip")
LIKELY = [
    "cp1252",
    "cp1250",
    "cp1251",
    "cp1253",
    "cp1254",
    "cp1255",
    "cp1256",
    "cp874",
    "koi8_r",
    "shift_jis",
    "euc_jp",
]
LIKELY += ["gb18030", "big5", "euc_kr", "utf_16_le", "utf_16_be"]  # encodings that files of data are found in
SAMPLE_BYTES = 1_000_000  # at the beginning, by which the delimiter and the encoding are told
CHUNK_BYTES = 100_000  # read at once
MARKS = (  # the byte-order mark of each encoding, the longer of two that begin alike first
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclass(frozen=True)
class DataFile:
    """A file of data that is open."""

    path: Path
    suffix: str  # of the format, without that of the packing
    raw: IO[bytes]  # the file as it lies there: its position says how far reading has come
    content: IO[bytes]  # unpacked


def data_files(paths: list[Path]) -> list[Path]:
    """Return the files that the paths name: of a folder, all that have a known suffix, in order.

    Raises:
        MissingInput: naming a folder without any.
    """
    found: list[Path] = []
    for path in paths:
        if path.is_dir() and not is_data_set(path):
            inside = sorted(file for file in path.rglob("*") if file.is_file() and known_suffix(file.name))
            if not inside:
                raise MissingInput(f"data.source: the folder {path} has no file that ends in {', '.join(SUFFIXES)}")
            found += inside
        else:
            found.append(path)
    return found


def is_data_set(folder: Path) -> bool:
    """Say whether a folder is a data set of the Hub, with a card or in its cache, or one that `datasets` saved."""
    return (folder / "README.md").exists() or "snapshots" in folder.parts or is_saved(folder)


def is_saved(folder: Path) -> bool:
    """Say whether a folder is what `save_to_disk` of `datasets` leaves."""
    names = ("dataset_dict.json",) if (folder / "dataset_dict.json").exists() else ("dataset_info.json", "state.json")
    return all((folder / name).exists() for name in names)


def known_suffix(name: str) -> bool:
    return format_suffix(name) in SUFFIXES or Path(name).suffix.lower() == ".zip"


def format_suffix(name: str) -> str:
    """Return the suffix that says a file's format: `.csv` of data.csv and of data.csv.gz."""
    path = Path(name.lower())
    return Path(path.stem).suffix if path.suffix in PACKED else path.suffix


@contextmanager
def open_data(path: Path) -> Iterator[DataFile]:
    """Open a file, unpacked.

    Raises:
        UserError: naming a file of another kind, an empty one, and a zip archive of several.
    """
    suffix = format_suffix(path.name)
    if not known_suffix(path.name):
        raise UserError(
            f"data.source: {path} must end in {', '.join(SUFFIXES)}, as it is or packed ({', '.join(PACKED)})"
        )
    with path.open("rb") as raw:
        content: IO[bytes] = raw
        packing = path.suffix.lower()
        if packing == ".zip":
            content, suffix = open_zip(path, raw)
        elif packing == ".zst":
            content = pa.CompressedInputStream(pa.PythonFile(raw, "r"), "zstd")
        elif packing in PACKED:
            unpack: Any = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}[packing]
            content = unpack(raw, "rb")
        if suffix not in TEXT_SUFFIXES and content is not raw:
            content = io.BytesIO(content.read())  # formats with an index at their end
        yield DataFile(path, suffix, raw, content)


def open_zip(path: Path, raw: IO[bytes]) -> tuple[IO[bytes], str]:
    archive = zipfile.ZipFile(raw)
    names = [name for name in archive.namelist() if not name.endswith("/") and not name.startswith("__MACOSX/")]
    if len(names) != 1:
        raise UserError(f"{path} holds {plural(len(names), 'file')}, and must hold one: unpack it and name its folder")
    if format_suffix(names[0]) not in SUFFIXES:
        raise UserError(f"{path} holds {names[0]}, which must end in {', '.join(SUFFIXES)}")
    return archive.open(names[0]), format_suffix(names[0])


def decoded(file: DataFile, encoding: str | None) -> tuple[io.TextIOWrapper, str]:
    """Return a text file's characters, and those of its sample. It is UTF-8 unless its first bytes or a param say more.

    Raises:
        UserError: naming the lines that aren't in that encoding, and the one that they may be in.
    """
    sample = file.content.read(SAMPLE_BYTES)
    if not sample.strip():
        raise UserError(f"{file.path} is empty")
    found = marked_encoding(sample)
    used = found or encoding or "utf-8"
    try:
        text = codecs.getincrementaldecoder(used)().decode(sample)
    except UnicodeDecodeError as error:
        raise undecodable(file.path, used, sample[max(0, error.start - 500) : error.start + 500]) from None
    if encoding and not found and is_utf8(sample) and codecs.lookup(used).name != "utf-8":
        raise UserError(f"data.encoding: {file.path} is UTF-8, as its bytes show; however: {encoding}. Set it to null.")
    if "\0" in text:
        raise UserError(f"{file.path} is no text in {used}, it has zero bytes: set data.encoding (UTF-16?)")
    return io.TextIOWrapper(
        io.BufferedReader(Rejoined(sample, file.content), CHUNK_BYTES), encoding=used, newline=""
    ), text


def marked_encoding(content: bytes) -> str | None:
    """Return the encoding that a byte-order mark says, if there is one."""
    return next((name for mark, name in MARKS if content.startswith(mark)), None)


class Rejoined(io.RawIOBase):
    """A stream of which the first bytes have been read; a packed one can't go back."""

    def __init__(self, first: bytes, rest: IO[bytes]) -> None:
        self.first, self.rest = first, rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        found = self.first[: len(buffer)] or self.rest.read(len(buffer))
        self.first = self.first[len(buffer) :]
        buffer[: len(found)] = found
        return len(found)


def is_utf8(sample: bytes) -> bool:
    try:
        return not codecs.getincrementaldecoder("utf-8")().decode(sample).isascii()
    except UnicodeDecodeError:
        return False


def undecodable(path: Path, encoding: str, around: bytes) -> UserError:
    """Return the error that names the lines that can't be decoded; `around` are bytes near the first of them."""
    lines = f": {undecodable_lines(path, encoding)}" if encoding.startswith("utf-8") and known_suffix(path.name) else ""
    guess = likely_encoding(around)
    if guess is None or not encoding.startswith("utf-8"):
        return UserError(f"{path} is not {encoding.upper()}{lines}. Set data.encoding, or save it as UTF-8.")
    name, text = guess
    return UserError(
        f"{path} is not UTF-8{lines}. It may be {name}, which would read {odd_part(text)!r}: set "
        f"data.encoding to {name} if that is right, or save it as UTF-8."
    )


def likely_encoding(content: bytes) -> tuple[str, str] | None:
    """Return the likeliest encoding of bytes and what they say in it; the commonest of those that say the same."""
    match = from_bytes(content, cp_isolation=LIKELY).best()
    if match is None:
        return None
    same = (name for name in LIKELY if content.decode(name, errors="replace") == str(match))
    return next(same, str(match.encoding)), str(match)


def odd_part(text: str) -> str:
    """Return the first word that is not ASCII, with what stands around it."""
    place = next((at for at, letter in enumerate(text) if not letter.isascii()), 0)
    return " ".join(text[max(0, place - 30) : place + 30].split())


def undecodable_lines(path: Path, encoding: str) -> str:
    bad = []
    with open_data(path) as file:
        for number, line in enumerate(file.content, start=1):
            try:
                line.decode(encoding)
            except UnicodeDecodeError:
                bad.append(number)
    return f"{plural(len(bad), 'line')} can't be decoded ({shown(bad)})"
