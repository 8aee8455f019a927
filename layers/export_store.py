"""Files made once and sent many times: found by what was asked, bounded in size, the longest unused go first."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
LOCKS = 64
# a file that was just asked for is about to be read
GRACE_S = 60.0
# what a process that was killed left behind
STALE_S = 6 * 3600.0


@dataclass(frozen=True)
class Kept:
    """A file of the store.

    Attributes
    ----------
    path
        Where it lies.
    digest
        Of its content: the same bytes have the same, whoever made them.
    size
        In bytes.
    """

    path: Path
    digest: str
    size: int


class Store:
    """Files in a folder that several processes share.

    Parameters
    ----------
    folder
        Made when first needed; where it cannot be, a temporary one takes its place.
    max_bytes
        Size of all files together; a single larger one is kept until the next is made.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self._wanted, self.max_bytes = folder, max_bytes
        self._folder: Path | None = None

    @property
    def folder(self) -> Path:
        """Where the files are."""
        if self._folder is None:
            try:
                self._wanted.mkdir(parents=True, exist_ok=True)
                usable = os.access(self._wanted, os.W_OK)
            except OSError as error:
                if error.errno in FULL:
                    raise
                usable = False
            self._folder = self._wanted if usable else Path(tempfile.mkdtemp(prefix="revier-downloads-"))
        return self._folder

    def find(self, key: str, suffix: str) -> Kept | None:
        """Return a file that is there; it counts as used."""
        for path in self.folder.glob(f"{key}-*.{suffix}"):
            _, digest, size = path.stem.split("-")
            with suppress(OSError):
                found = path.stat()
                if found.st_size == int(size):
                    os.utime(path, (time.time(), found.st_mtime))
                    return Kept(path, digest, found.st_size)
                path.unlink()
        return None

    def get(self, key: str, suffix: str, make: Callable[[Path], None]) -> Kept:
        """Return a file, made first if it is not there; who asks for it meanwhile waits for it.

        Parameters
        ----------
        key
            Names all that the content depends on: letters and digits.
        suffix
            Of the file's name.
        make
            Writes the file.

        Raises
        ------
        OSError
            No room for it, not even after all others were removed; nothing half is left.
        """
        with self._locked(key):
            found = self.find(key, suffix)
            if found is None:
                try:
                    found = self._made(key, suffix, make)
                except OSError as error:
                    if error.errno not in FULL or not self._shrink(0):
                        raise
                    found = self._made(key, suffix, make)
        self._shrink(self.max_bytes)
        return found

    def _made(self, key: str, suffix: str, make: Callable[[Path], None]) -> Kept:
        with tempfile.TemporaryDirectory(prefix=".making-", dir=self.folder) as work:
            path = Path(work) / f"download.{suffix}"
            make(path)
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()[:32]
            size = path.stat().st_size
            final = self.folder / f"{key}-{digest}-{size}.{suffix}"
            os.replace(path, final)  # noqa: PTH105 - atomic
        return Kept(final, digest, size)

    @contextmanager
    def _locked(self, key: str) -> Iterator[None]:
        """Keep others, also of other processes, from making the same file."""
        number = hashlib.sha256(key.encode()).digest()[0] % LOCKS
        with (self.folder / f".lock-{number}").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _shrink(self, max_bytes: int) -> bool:
        """Remove what was not used for longest until the rest fits; whether anything went."""
        now, kept, removed = time.time(), [], False
        for path in self.folder.iterdir():
            with suppress(OSError):
                found = path.stat()
                if path.name.startswith(".making-") and now - found.st_mtime > STALE_S:
                    shutil.rmtree(path, ignore_errors=True)
                elif not path.name.startswith("."):
                    kept.append((found.st_atime, found.st_size, path))
        total = sum(size for _, size, _ in kept)
        for used, size, path in sorted(kept):
            if total <= max_bytes or now - used < GRACE_S:
                break
            with suppress(OSError):
                path.unlink()
                total, removed = total - size, True
        return removed
