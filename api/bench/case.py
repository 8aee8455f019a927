"""One comparison: our work and a peer's, their answers, times and memory."""

from __future__ import annotations

import ctypes
import gc
import importlib
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

SLOW_S = 20.0  # a peer: its first run, which compares the answers, is its time
LONG_S = 60.0  # anything: one timed run


@dataclass(frozen=True)
class Case:
    """One piece of work, ours and a peer's.

    Attributes
    ----------
    id, work, n
        What is measured, on how many sources.
    ours
        Does the work and returns an answer.
    peer, theirs
        Name of the library, and the same work with it; None where it is not installed.
    agree
        Whether the two answers (ours, theirs) are the same.
    peak_mb
        Memory of our last run in MB, for work done in another process; measured in this one when None.
    goal_s
        For work that no peer does: seconds that it may take.
    """

    id: str
    work: str
    n: int
    ours: Callable[[], Any]
    peer: str
    theirs: Callable[[], Any] | None
    agree: Callable[[Any, Any], bool]
    peak_mb: Callable[[], float | None] | None = None
    goal_s: float | None = None


def measure(case: Case, repeats: int) -> dict[str, Any]:
    """Compare the answers, then the times.

    Parameters
    ----------
    case
        What to run. Its first run compiles and is not timed.
    repeats
        Runs of which the median is taken; a peer slower than 20 s runs once, work of over a minute twice.

    Returns
    -------
    dict
        `id`, `work`, `n`, `ours_s`, `peer`, `peer_s`, `ratio`, `agree` and `peak_mb` (MB that our work adds to what is
        held before it); None where there is no peer or the system does not tell.
    """
    answer = case.ours()
    before = _reset_peak()
    ours = _median(case.ours, repeats)
    peak = case.peak_mb() if case.peak_mb is not None else _above(before)
    row: dict[str, Any] = {"id": case.id, "work": case.work, "n": case.n, "ours_s": ours, "peer": case.peer}
    row["peak_mb"] = None if peak is None else round(peak)
    if case.goal_s is not None:
        return row | {"peer_s": None, "ratio": None, "agree": None, "goal_s": case.goal_s}
    if case.theirs is None:
        return row | {"peer_s": None, "ratio": None, "agree": None, "note": f"{case.peer} is not installed"}
    start = time.perf_counter()
    theirs = case.theirs()
    first = time.perf_counter() - start
    agree = case.agree(answer, theirs)
    del theirs
    peer = first if first > SLOW_S else _median(case.theirs, repeats)
    return row | {"peer_s": peer, "ratio": peer / ours, "agree": agree}


def module(name: str) -> Any:  # noqa: ANN401 - any library
    """Import a peer; None where it is not installed."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def _median(work: Callable[[], Any], repeats: int) -> float:
    times: list[float] = []
    for _ in range(repeats):
        gc.collect()
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
        if times[0] > LONG_S:
            break
    return statistics.median(times)


def _reset_peak() -> float | None:
    """Give freed memory back and start the peak anew; returns what is held now, in MB.

    Without that, memory kept from the compiling run counts as held before, and hides what the next run needs.
    """
    gc.collect()
    pa.default_memory_pool().release_unused()
    try:
        ctypes.CDLL("libc.so.6").malloc_trim(0)
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return None
    return _memory_mb("VmRSS")


def _above(before: float | None) -> float | None:
    peak = _memory_mb("VmHWM")
    return None if peak is None or before is None else peak - before


def _memory_mb(field: str) -> float | None:
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith(field)), None)
