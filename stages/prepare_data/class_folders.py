"""Read folders that hold a folder for each label, and in it a file for each text."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from stages.common.errors import MissingInput, UserError
from stages.common.params import DataParams
from stages.prepare_data.bad_rows import plural
from stages.prepare_data.files import format_suffix, known_suffix, marked_encoding, undecodable
from stages.prepare_data.notes import Notes

BATCH_FILES = 2000
LEAST_TEXTS = 3  # of a label, one for each split
MOST_BYTES = 100_000_000  # of a text


def read_class_folders(folder: Path, params: DataParams, note: Notes) -> Iterator[pd.DataFrame]:
    """Yield the rows in batches: text, label, and the file, from the folder on; the index says where each is from.

    Raises:
        UserError: naming what is no such folder, and a file that can't be read as text.
    """
    if not folder.is_dir():
        raise UserError(f"data.class_folders: {folder} is a file, and must be a folder with one for each label")
    files = text_files(folder)
    if not files:
        raise MissingInput(f"data.class_folders: {folder} must hold a folder for each label, with files in it")
    if above := sum(file.is_file() and not file.name.startswith(".") for file in folder.iterdir()):
        note(f"{plural(above, 'file')} in {folder} itself, and in no label's folder: left out")
    with tqdm(total=len(files), desc=f"read {folder.name}", unit=" files") as bar:
        for start in range(0, len(files), BATCH_FILES):
            some = files[start : start + BATCH_FILES]
            yield pd.DataFrame(
                {
                    "text": [read_text(file, params.encoding) for file in some],
                    "label": [as_text(file.parent.name) for file in some],
                    "file": [as_text(file.relative_to(folder).as_posix()) for file in some],
                },
                index=[f"{as_text(str(file))}:1" for file in some],
                dtype="str",
            )
            bar.update(len(some))


def as_text(name: str) -> str:
    """Return a file's name as a text that can be written, with ? for bytes that are not UTF-8."""
    return name.encode(errors="replace").decode()


def text_files(folder: Path) -> list[Path]:
    """Return the files in the folders of a folder, at any depth, but for hidden ones."""
    return sorted(
        file
        for file in folder.glob("*/**/*")
        if file.is_file() and not any(part.startswith(".") for part in file.relative_to(folder).parts)
    )


def holds_class_folders(folder: Path) -> bool:
    """Say whether a folder looks like one: nearly all files are texts, and two folders at least have some of them."""
    files = text_files(folder)
    texts = [file for file in files if format_suffix(file.name) in (".txt", "") or not known_suffix(file.name)]
    of_labels = Counter(file.parent.name for file in texts)
    return len(texts) > 0.9 * len(files) and sum(count >= LEAST_TEXTS for count in of_labels.values()) > 1


def read_text(path: Path, encoding: str | None) -> str:
    if path.stat().st_size > MOST_BYTES:
        raise UserError(f"{path} has more than {MOST_BYTES:,} bytes: it is hardly one text")
    content = path.read_bytes()
    used = marked_encoding(content) or encoding or "utf-8"
    try:
        text = content.decode(used)
    except UnicodeDecodeError as error:
        raise undecodable(path, used, content[max(0, error.start - 500) : error.start + 500]) from None
    if "\0" in text:
        raise UserError(f"{path} is no text in {used}, it has zero bytes: move it elsewhere, or set data.encoding")
    return text
