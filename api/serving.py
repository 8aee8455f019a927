"""The release that is served: a newer one is read beside it and takes its place when it is whole."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable

from api.settings import Settings
from layers.catalogue import Catalogue
from layers.release import current, pointer

log = logging.getLogger("revier")
RETRY_S = 30.0


class Served:
    """The catalogue of the served release; follows a new release without a restart.

    Parameters
    ----------
    settings
        Where the releases are.
    warm
        Called in the background with each newer catalogue before it is served.

    Attributes
    ----------
    refused
        Why the newest release is not served; None if it is.
    """

    def __init__(self, settings: Settings, warm: Callable[[Catalogue], object] | None = None) -> None:
        self.settings, self._warm = settings, warm
        self._pointer = str(pointer(settings.home))
        self.refused: str | None = None
        self._lock = threading.Lock()
        self._stamp: int | None = None
        self._catalogue: Catalogue | None = None
        self._loading = False
        # a pointer whose release was refused, and when it is tried again
        self._refused_stamp: int | None = None
        self._again_at = 0.0

    @property
    def id(self) -> str | None:
        """Id of the served release; None before the first."""
        return None if self._catalogue is None else self._catalogue.release.id

    def catalogue(self) -> Catalogue:
        """Return the catalogue; a release that is being read, or cannot be, leaves the last one served.

        Raises
        ------
        ReleaseError
            There never was a release that can be read.
        """
        found, stamp = self._catalogue, self._now()
        if found is not None and stamp == self._stamp:
            return found
        with self._lock:
            if self._catalogue is None:
                self._catalogue, self._stamp = Catalogue(current(self.settings.home)), stamp
            elif stamp != self._stamp and not self._loading and self._is_due(stamp):
                self._loading = True
                threading.Thread(target=self._load, args=(stamp,), name="release", daemon=True).start()
            return self._catalogue

    def _is_due(self, stamp: int | None) -> bool:
        """Whether a release is worth trying: another one than that which was refused, or that one after a while."""
        return stamp != self._refused_stamp or time.monotonic() >= self._again_at

    def _now(self) -> int | None:
        try:
            return os.stat(self._pointer).st_mtime_ns  # noqa: PTH116 - with each request, and much quicker
        except OSError:
            return None

    def _load(self, stamp: int | None) -> None:
        """Read a newer release, and serve it if it is whole."""
        try:
            newer = Catalogue(current(self.settings.home))
            if self._warm is not None:
                self._warm(newer)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with it, the old one is served on
            self.refused = str(error)
            # what was not whole may be mended without a new pointer
            self._refused_stamp, self._again_at = stamp, time.monotonic() + RETRY_S
            log.error("a newer release is refused, %s is served on: %s", self.id, error)  # noqa: TRY400 - told
        else:
            self.refused, self._catalogue, self._stamp = None, newer, stamp
            log.warning("release %s is served", newer.release.id)
        finally:
            self._loading = False
