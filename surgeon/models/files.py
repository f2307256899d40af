"""What a file given as a model really is, told from its first bytes, and one sentence for each kind that is no model.

Imports neither torch nor ultralytics, and never unpickles anything.
"""

from __future__ import annotations

import enum
import hashlib
import stat
import zipfile
from pathlib import Path

from surgeon.errors import ModelFileError

_HEAD_BYTES = 4096
_MAX_EXPANSION = 200
_FREE_EXPANSION_BYTES = 1 << 30


class FileKind(enum.StrEnum):
    """What a path holds."""

    CHECKPOINT = "a PyTorch checkpoint"
    MISSING = "missing"
    DIRECTORY = "a folder"
    SPECIAL = "no regular file"
    UNREADABLE = "unreadable"
    EMPTY = "empty"
    TRUNCATED = "a truncated zip archive"
    ZIP_BOMB = "a zip archive that expands beyond reason"
    TORCHSCRIPT = "a TorchScript archive"
    EXPORTED_PROGRAM = "a torch.export archive"
    NUMPY_ARCHIVE = "a NumPy archive"
    OTHER_ZIP = "a zip archive of something else"
    LEGACY_PICKLE = "a checkpoint in PyTorch's format from before 1.6"
    PLAIN_PICKLE = "a plain Python pickle"
    IMAGE = "an image"
    ONNX = "an ONNX model"
    SAFETENSORS = "a safetensors file"
    TFLITE = "a TensorFlow Lite model"
    HDF5 = "an HDF5 file"
    COMPRESSED = "a compressed archive"
    HTML = "a web page"
    LFS_POINTER = "a Git LFS pointer"
    TEXT = "a text file"
    UNKNOWN = "of an unknown format"


_REMEDY = {
    FileKind.DIRECTORY: "name the .pt or .yaml file inside it",
    FileKind.SPECIAL: "give a regular file",
    FileKind.UNREADABLE: "check its permissions",
    FileKind.EMPTY: "the copy or the save failed: download or save it again",
    FileKind.TRUNCATED: "the download or the save was cut off: fetch or save it again",
    FileKind.ZIP_BOMB: "torch.save does not compress: it was not written by it, do not open it",
    FileKind.TORCHSCRIPT: "its graph is compiled and cannot be edited: give the .pt that it was exported from",
    FileKind.EXPORTED_PROGRAM: "its graph is frozen and cannot be edited: give the .pt that it was exported from",
    FileKind.NUMPY_ARCHIVE: "arrays without a network: give the .pt checkpoint or the model's .yaml",
    FileKind.OTHER_ZIP: "it holds no data.pkl: unpack it and name the .pt file inside, if there is one",
    FileKind.LEGACY_PICKLE: "save it again with a current torch.save, or pass --trust to unpickle it in full, "
    "which lets it run any code",
    FileKind.PLAIN_PICKLE: "it was not written by torch.save: save the model with YOLO(...).save() or torch.save",
    FileKind.IMAGE: "only its name says otherwise: give the model's .pt or .yaml",
    FileKind.ONNX: "an export is timed by surgeon compare, and nothing else: give the .pt that it was exported from",
    FileKind.SAFETENSORS: "weights without a network: give the .pt checkpoint, or the model's .yaml",
    FileKind.TFLITE: "an export cannot be edited: give the .pt that it was exported from",
    FileKind.HDF5: "it holds no PyTorch network: give the .pt checkpoint",
    FileKind.COMPRESSED: "unpack it and name the .pt file inside",
    FileKind.HTML: "the download saved the page instead of the file: fetch the file itself (its raw or download link)",
    FileKind.LFS_POINTER: "run `git lfs pull` in its repository to fetch the file itself",
    FileKind.TEXT: "a checkpoint is binary: if it is a model description, name it .yaml",
    FileKind.UNKNOWN: "give a .pt checkpoint written by Ultralytics, or a model .yaml",
}

_MAGIC: tuple[tuple[bytes, FileKind], ...] = (
    (b"\xff\xd8\xff", FileKind.IMAGE),
    (b"\x89PNG\r\n", FileKind.IMAGE),
    (b"GIF8", FileKind.IMAGE),
    (b"BM", FileKind.IMAGE),
    (b"II*\x00", FileKind.IMAGE),
    (b"MM\x00*", FileKind.IMAGE),
    (b"\x89HDF\r\n", FileKind.HDF5),
    (b"\x1f\x8b", FileKind.COMPRESSED),
    (b"BZh", FileKind.COMPRESSED),
    (b"\xfd7zXZ", FileKind.COMPRESSED),
    (b"7z\xbc\xaf", FileKind.COMPRESSED),
    (b"Rar!", FileKind.COMPRESSED),
    (b"\x28\xb5\x2f\xfd", FileKind.COMPRESSED),
    (b"version https://git-lfs", FileKind.LFS_POINTER),
)
_MAGIC_INSIDE: tuple[tuple[int, bytes, FileKind], ...] = (
    (4, b"TFL3", FileKind.TFLITE),
    (8, b"WEBP", FileKind.IMAGE),
    (257, b"ustar", FileKind.COMPRESSED),
)
_ZIP_MEMBER = (
    ("constants.pkl", FileKind.TORCHSCRIPT),
    ("archive_format", FileKind.EXPORTED_PROGRAM),
    ("serialized_exported_program.json", FileKind.EXPORTED_PROGRAM),
    ("data.pkl", FileKind.CHECKPOINT),
)
_LEGACY_MAGIC = b"\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19"


def describe(path: Path | str) -> FileKind:
    """Tell what a path holds; raises nothing.

    Args:
        path: Any path, existing or not.
    """
    path = Path(path)
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            return FileKind.DIRECTORY
        if not stat.S_ISREG(mode):
            return FileKind.SPECIAL
        with path.open("rb") as stream:
            head = stream.read(_HEAD_BYTES)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return FileKind.MISSING
    except OSError:
        return FileKind.UNREADABLE
    if not head:
        return FileKind.EMPTY
    return _of_zip(path) if head.startswith(b"PK") else _of_head(head)


def explain(path: Path | str, kind: FileKind) -> str:
    """The sentence for a path that is no checkpoint: the file, what is wrong, and what would work."""
    if kind is FileKind.MISSING:
        return f"{path} does not exist: check the spelling and the folder"
    return f"{path} is {kind.value}: {_REMEDY.get(kind, 'it can be opened')}"


def require_checkpoint(path: Path | str, *, legacy_ok: bool = False) -> FileKind:
    """Refuse everything but a checkpoint written by ``torch.save``.

    Args:
        path: The file.
        legacy_ok: Also accept the formats that only full unpickling reads.

    Returns:
        Its kind.

    Raises:
        ModelFileError: It is something else; the message says what and the way out.
    """
    kind = describe(path)
    accepted = {FileKind.CHECKPOINT, *((FileKind.LEGACY_PICKLE, FileKind.PLAIN_PICKLE) if legacy_ok else ())}
    if kind not in accepted:
        raise ModelFileError(explain(path, kind))
    return kind


def sha256(path: Path | str) -> str:
    """SHA-256 of a file's content, in hexadecimal.

    Raises:
        ModelFileError: The file cannot be read.
    """
    try:
        with Path(path).open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise ModelFileError(f"{path} cannot be read: {error.strerror or error}") from error


def _of_zip(path: Path) -> FileKind:
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return FileKind.TRUNCATED
    expanded = sum(entry.file_size for entry in entries)
    if expanded > max(_FREE_EXPANSION_BYTES, _MAX_EXPANSION * path.stat().st_size):
        return FileKind.ZIP_BOMB
    # torch.save puts everything into one folder; its name is free.
    members = {entry.filename.partition("/")[2] or entry.filename for entry in entries}
    if any(name.endswith(".npy") for name in members):
        return FileKind.NUMPY_ARCHIVE
    return next((kind for name, kind in _ZIP_MEMBER if name in members), FileKind.OTHER_ZIP)


def _of_head(head: bytes) -> FileKind:
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return kind
    for start, magic, kind in _MAGIC_INSIDE:
        if head[start : start + len(magic)] == magic:
            return kind
    return _of_binary(head)


def _of_binary(head: bytes) -> FileKind:
    if head[:1] == b"\x80" and head[1:2] <= b"\x05":
        return FileKind.LEGACY_PICKLE if head[2:].startswith(_LEGACY_MAGIC) else FileKind.PLAIN_PICKLE
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") < 1 << 30:
        return FileKind.SAFETENSORS
    # Protocol buffers: field 1 (the IR version), then the producer's name, the opset or the graph.
    if head[:1] == b"\x08" and head[1:2] <= b"\x20" and head[2:3] in (b"\x12", b":", b"B"):
        return FileKind.ONNX
    return _of_text(head)


def _of_text(head: bytes) -> FileKind:
    text = head.decode("utf-8", errors="ignore")
    if "\x00" in text or len(text.encode()) < len(head) - 3:
        return FileKind.UNKNOWN
    start = text.lstrip("\ufeff \t\r\n").lower()
    if start.startswith(("<!doctype html", "<html", "<head")):
        return FileKind.HTML
    printable = all(c.isprintable() or c in "\t\r\n" for c in text.lstrip("\ufeff"))
    return FileKind.TEXT if printable else FileKind.UNKNOWN
