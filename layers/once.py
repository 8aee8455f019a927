"""Things that are computed once, each for itself: who asks for one does not wait for another."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar, cast

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
# what is kept may be dropped between a look and the next: one look tells both whether it is there and what it is
_NOTHING = object()


class Once(Generic[K, V]):
    """What was made under each key.

    Parameters
    ----------
    most
        How many are kept, the ones made first are dropped; None for all.
    """

    def __init__(self, most: int | None = None) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._made: dict[K, V] = {}
        self._making: dict[K, threading.RLock] = {}

    def get(self, key: K) -> V | None:
        """Return what was made, None if nothing was."""
        return self._made.get(key)

    def made(self, key: K, make: Callable[[], V]) -> V:
        """Return what was made under a key, or make it; whoever asks for the same key meanwhile waits."""
        found = self._made.get(key, _NOTHING)
        if found is not _NOTHING:
            return cast("V", found)
        with self._lock:
            making = self._making.setdefault(key, threading.RLock())
        with making:
            found = self._made.get(key, _NOTHING)
            if found is not _NOTHING:
                return cast("V", found)
            made = make()
            with self._lock:
                self._made[key] = made
                self._making.pop(key, None)
                while self._most is not None and len(self._made) > self._most:
                    self._made.pop(next(iter(self._made)))
            return made
