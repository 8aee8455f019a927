"""Memory of a process and all that it started: what several of them share counts once."""

from __future__ import annotations

from pathlib import Path

MB = 1024.0


def tree(process: int) -> list[int]:
    """Ids of a process and of all that it started, directly or not."""
    parents: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            after_name = path.read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
        except OSError:  # it ended meanwhile
            continue
        parents.setdefault(int(after_name[1]), []).append(int(path.parent.name))
    found = [process]
    for one in found:
        found += parents.get(one, [])
    return found


def held_mb(process: int) -> float | None:
    """Proportional set size of a process and all that it started, in MB; None where the system does not tell."""
    total, known = 0.0, False
    for one in tree(process):
        try:
            lines = Path(f"/proc/{one}/smaps_rollup").read_text(encoding="ascii").splitlines()
        except OSError:
            continue
        known = True
        total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / MB
    return total if known else None
