"""Packed files: judged by their table of contents before anything is unpacked, and read in bites."""

from __future__ import annotations

import gzip
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from geo.errors import InputError, Problem

MAX_RATIO = 150  # GML packs to about a tenth; deflate's most, which only a bomb reaches, is a thousandth
RATIO_FROM_BYTES = 10 * 2**20
CHUNK_BYTES = 256 * 2**10


def check_archive(path: Path, limit_bytes: int) -> None:
    """Refuse a zip archive (also an .xlsx) that would unpack to too much, before anything is unpacked.

    Parameters
    ----------
    path
        The archive.
    limit_bytes
        Largest sum of the unpacked sizes.

    Raises
    ------
    InputError
        Too large, packed more densely than real data, encrypted, or not a whole archive.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, OSError, NotImplementedError) as error:
        raise _damaged(path.name, str(error)) from error
    _judge(path.name, members, limit_bytes)


def documents(path: Path, limit_bytes: int) -> Iterator[tuple[str, Iterator[bytes]]]:
    """Open a file that may be packed (zip, gzip) and read it in bites, never more than allowed.

    Parameters
    ----------
    path
        A GML file, one packed by gzip, or a zip archive of some.
    limit_bytes
        Largest sum of the unpacked sizes.

    Yields
    ------
    tuple
        Name of the document and its bytes, in pieces.

    Raises
    ------
    InputError
        Damaged, encrypted, larger than allowed, packed more densely than real data, or without a GML file.
    """
    try:
        with path.open("rb") as raw:
            magic = raw.read(4)
            raw.seek(0)
            if magic.startswith(b"PK"):
                yield from _entries(path, raw, limit_bytes)
            elif magic.startswith(b"\x1f\x8b"):
                with gzip.GzipFile(fileobj=raw) as stream:
                    yield path.name, _chunks(path.name, stream, limit_bytes, raw)
            else:
                yield path.name, _chunks(path.name, raw, limit_bytes, None)
    except OSError as error:
        what = f"cannot be read ({error.strerror or error})"
        raise InputError(Problem(str(path), what, "Check the path and that the file may be read.")) from error


def _entries(path: Path, raw: IO[bytes], limit_bytes: int) -> Iterator[tuple[str, Iterator[bytes]]]:
    try:
        archive = zipfile.ZipFile(raw)
    except (zipfile.BadZipFile, NotImplementedError) as error:
        raise _damaged(path.name, str(error)) from error
    with archive:
        infos = _gml_entries(archive)
        if not infos:
            what = "holds no .gml file"
            raise InputError(Problem(path.name, what, "Pack the CityGML itself, not an archive of archives."))
        _judge(path.name, infos, limit_bytes)
        for info in infos:
            where = f"{path.name}, {info.filename}"
            try:
                stream = archive.open(info)
            except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
                raise _damaged(where, str(error)) from error
            with stream:
                yield info.filename, _chunks(where, stream, limit_bytes, None)


def _gml_entries(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    infos = [info for info in archive.infolist() if not info.is_dir() and not info.filename.startswith("__MACOSX/")]
    gml = [info for info in infos if info.filename.lower().endswith((".gml", ".citygml"))]
    return gml or [info for info in infos if info.filename.lower().endswith(".xml")]


def _judge(where: str, infos: list[zipfile.ZipInfo], limit_bytes: int) -> None:
    """Judge an archive by its table of contents; zipfile never gives more bytes than stand there."""
    problems = []
    total = sum(info.file_size for info in infos)
    if total > limit_bytes:
        problems.append(_too_large(where, total, limit_bytes))
    for info in infos:
        if info.file_size > max(RATIO_FROM_BYTES, MAX_RATIO * info.compress_size):
            problems.append(_too_dense(f"{where}, {info.filename}"))
        if info.flag_bits & 1:
            problems.append(Problem(f"{where}, {info.filename}", "is encrypted", "Pack it without a password."))
    if problems:
        raise InputError(problems)


def _chunks(
    where: str, stream: IO[bytes] | gzip.GzipFile, limit_bytes: int, packed: IO[bytes] | None
) -> Iterator[bytes]:
    total = 0
    while True:
        try:
            chunk = stream.read(CHUNK_BYTES)
        except (OSError, EOFError, zlib.error, zipfile.BadZipFile) as error:
            raise _damaged(where, str(error)) from error
        if not chunk:
            return
        total += len(chunk)
        if total > limit_bytes:
            raise InputError(_too_large(where, total, limit_bytes))
        if packed is not None and total > max(RATIO_FROM_BYTES, MAX_RATIO * packed.tell()):
            raise InputError(_too_dense(where))
        yield chunk


def _damaged(where: str, why: str) -> InputError:
    return InputError(Problem(where, f"is damaged or cut off ({why})", "Download it again."))


def _too_large(where: str, total: int, limit_bytes: int) -> Problem:
    what = f"unpacks to {total:,} bytes or more, allowed are {limit_bytes:,}"
    return Problem(where, what, "Split it into tiles, or raise the limit if you trust the file.")


def _too_dense(where: str) -> Problem:
    what = f"unpacks to more than {MAX_RATIO} times its size, as an archive made to fill the disk does"
    return Problem(where, what, "Unpack it yourself if you trust it.")
