"""What is measured of the running service, one row for each piece of work."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from api.bench.builds import CITY
from api.bench.serve import data, peers, same
from api.bench.serve.data import Addresses
from api.bench.serve.load import CLIENTS, Load, load, median, tool
from api.bench.serve.memory import held_mb
from api.bench.serve.server import Server, command_line, revier

NAME = "buildings"
OURS = Addresses(f"/collections/{NAME}", "/tiles/WebMercatorQuad/{z}/{y}/{x}")
PAGE, LARGE_PAGE, FILTERED = 1000, 10_000, 1000
BOXES, LARGE_BOXES, CONDITIONS = 4000, 400, 400
COMPARED = 5
WORKERS = 2
MEMORY_MB, ADDED_MB = 3000, 500
# at first caches fill, and memory grows
SETTLES = 0.25
GROWTH_MB = 50.0
SLICE_S = 30.0
# no tile is kept: each is made when it is asked for
LIVE = {"REVIER_TILE_CACHE_MB": "0"}
Row = dict[str, Any]


@dataclass(frozen=True)
class Options:
    """How long, and against whom.

    Attributes
    ----------
    seconds
        Of each run; its figures are medians of `repeats` runs.
    repeats
        Runs, ours and a peer's in turn.
    soak_min
        Minutes of mixed load at the end; none when 0.
    venv
        Environment that tipg and pygeoapi are installed in; neither is started when None.
    """

    seconds: float = 10.0
    repeats: int = 3
    soak_min: float = 0.0
    venv: Path | None = None


@dataclass(frozen=True)
class Asked:
    """Lists of what is asked, the same for all servers."""

    tiles: list[data.Tile]
    boxes: list[str]
    large: list[str]
    conditions: list[data.Condition]

    @classmethod
    def of(cls, n: int) -> Asked:
        """Lists for `n` buildings."""
        pages = data.boxes(n, PAGE, BOXES), data.boxes(n, LARGE_PAGE, LARGE_BOXES)
        return cls(data.tiles(n), *pages, data.conditions(n, CONDITIONS))


@dataclass(frozen=True)
class Goal:
    """What a row must reach: times the peer's answers, and milliseconds that `p50`, `p95` or `p99` keep."""

    ratio: float | None = None
    ms: float | None = None
    of: str = "p99_ms"


def rows(n: int, folder: Path, options: Options | None = None) -> Iterator[Row]:
    """Measure start, memory, tiles, pages and filters on `n` buildings, then a mixed load.

    Parameters
    ----------
    n
        Of `api.bench.synthetic.SIZES`.
    folder
        For files; a home that an earlier run left there is used again.
    options
        Times and peers.

    Yields
    ------
    dict
        As `api.bench.case.measure` returns it: `ours_s` and `peer_s` are seconds for an answer when eight clients ask
        without a pause (or those that `work` names), so that `ratio` is that of answers in a second. With `per_s`,
        `p50_ms`, `p95_ms`, `p99_ms` and, where something is to be reached, `goal`, `is_met`.
    """
    chosen = options or Options()
    frame = data.buildings(n)
    home = folder / "home"
    if not (home / "published" / NAME).exists():
        frame.to_parquet(folder / f"{NAME}.parquet")
        command_line("build", CITY, "--home", str(home))
        command_line("publish", str(folder / f"{NAME}.parquet"), "--id", NAME, "--home", str(home))
    asked = Asked.of(n)
    measured = _Measured(n, folder, chosen, asked)
    yield from _started(measured, home)
    with ExitStack() as stack:
        lacks = peers.missing(chosen.venv)
        tipg = pygeoapi = None
        if not lacks and chosen.venv is not None:
            database = stack.enter_context(peers.postgis())
            peers.fill(database, frame, folder)
            tipg = stack.enter_context(peers.tipg(chosen.venv, database, folder))
            if peers.has_pygeoapi(chosen.venv):
                pygeoapi = stack.enter_context(peers.pygeoapi(chosen.venv, database, frame, folder))
        del frame
        with revier(home, folder, workers=WORKERS, more=LIVE) as live:
            _touch(live, measured)
            yield from _tiles(measured, live, tipg, lacks)
        with revier(home, folder, workers=WORKERS) as ours:
            _touch(ours, measured)
            yield from _unchanged(measured, ours, tipg, lacks)
            yield from _features(measured, ours, (tipg, pygeoapi), lacks)
    if chosen.soak_min:
        with revier(home, folder, workers=WORKERS) as ours:
            _touch(ours, measured)
            yield _soak(measured, ours)


@dataclass(frozen=True)
class _Measured:
    """What all pieces of work share."""

    n: int
    folder: Path
    options: Options
    asked: Asked

    def load(self, server: Server, paths: Sequence[str], **how: Any) -> Load:  # noqa: ANN401 - of `load`
        how = {"seconds": self.options.seconds} | how
        return load(server.port, paths, self.folder, **how)

    def row(
        self,
        work: str,
        ours: tuple[Server, Sequence[str]],
        peer: str,
        theirs: tuple[Server, Sequence[str]] | None,
        *,
        agree: bool | None,
        goal: Goal = Goal(),
        note: str = "",
        **how: Any,  # noqa: ANN401 - of `load`
    ) -> Row:
        """Measure ours and a peer's in turn."""
        found: tuple[list[Load], list[Load]] = ([], [])
        for k in range(self.options.repeats):
            for one, to in zip((ours, theirs), found, strict=True):
                if one is not None:
                    to.append(self.load(*one, start=k / self.options.repeats, **how))
        mine, other = median(found[0]), median(found[1]) if found[1] else None
        if mine.errors or (other is not None and other.errors):
            message = f"{work}: {mine.errors} errors of ours, {0 if other is None else other.errors} of {peer}"
            raise RuntimeError(message)
        row = self._row(work, 1 / mine.per_s, peer, None if other is None else 1 / other.per_s, agree)
        row |= {"per_s": mine.per_s, "p50_ms": mine.p50_ms, "p95_ms": mine.p95_ms, "p99_ms": mine.p99_ms}
        said = [f"{mine.per_s:,.0f}/s, p50 {mine.p50_ms:.1f}, p95 {mine.p95_ms:.1f}, p99 {mine.p99_ms:.1f} ms"]
        said += [f"{mine.bytes / 1000:,.0f} kB each"]
        if other is not None:
            row |= {"peer_per_s": other.per_s, "peer_p50_ms": other.p50_ms, "peer_p99_ms": other.p99_ms}
            said += [f"{peer} {other.per_s:,.1f}/s, p50 {other.p50_ms:.1f}, p99 {other.p99_ms:.1f} ms"]
            said += [f"{other.bytes / 1000:,.0f} kB each"]
        met, aim = _reached(row, goal)
        row |= {"goal": aim, "is_met": met} if aim else {}
        return row | {"note": "; ".join([*said, *([note] if note else [])])}

    def _row(self, work: str, ours_s: float, peer: str, peer_s: float | None, agree: bool | None) -> Row:  # noqa: FBT001
        ratio = None if peer_s is None else peer_s / ours_s
        row = {"id": "serve", "work": work, "n": self.n, "ours_s": ours_s, "peer": peer, "peer_s": peer_s}
        return row | {"ratio": ratio, "agree": agree, "peak_mb": None, "load": os.getloadavg()[0], "asked_by": tool()}

    def bound(self, work: str, ours_s: float, goal: str, *, is_met: bool, note: str, peak_mb: float | None) -> Row:
        """Row of what no peer is asked."""
        peak = None if peak_mb is None else round(peak_mb)
        return self._row(work, ours_s, "", None, None) | {
            "peak_mb": peak,
            "goal": goal,
            "is_met": is_met,
            "note": note,
        }


def _reached(row: Row, goal: Goal) -> tuple[bool, str]:
    """Whether a row reaches its goal, and what that was."""
    met, aims = True, []
    if goal.ratio is not None:
        aims.append(f"{goal.ratio:g} x")
        met &= row["ratio"] is not None and row["ratio"] >= goal.ratio
    if goal.ms is not None:
        aims.append(f"{goal.of.removesuffix('_ms')} under {goal.ms:g} ms")
        met &= row[goal.of] < goal.ms
    return met, ", ".join(aims)


def _touch(server: Server, measured: _Measured) -> None:
    """Let every worker answer one of each: what is timed later has been compiled and read."""
    asked = measured.asked
    some = [
        *OURS.tiles(asked.tiles[:20]),
        *OURS.pages(asked.boxes[:20], PAGE),
        *OURS.filtered(asked.conditions[:3], FILTERED),
        *OURS.pages(asked.large[:1], LARGE_PAGE),
    ]
    for path in some:
        server.get(path)
    for _ in range(2):
        load(server.port, some, measured.folder, seconds=3, clients=CLIENTS)


def _started(measured: _Measured, home: Path) -> Iterator[Row]:
    """First answer and memory, with one worker and with two."""
    first = "/".join(("", *OURS.base.split("/")[1:], "items?limit=10"))
    waited, held = [], []
    for workers in (1, WORKERS):
        with revier(home, measured.folder, workers=workers) as server:
            begun = time.perf_counter()
            server.get(first)
            waited.append((server.start_s, server.start_s + time.perf_counter() - begun))
            _touch(server, measured)
            held.append(held_mb(server.process))
    for _ in range(measured.options.repeats - 1):
        with revier(home, measured.folder, workers=1) as server:
            begun = time.perf_counter()
            server.get(first)
            waited.append((server.start_s, server.start_s + time.perf_counter() - begun))
    one = [waited[0], *waited[2:]]
    answer, features = (statistics.median(pair[i] for pair in one) for i in (0, 1))
    note = f"first features after {features:.2f} s; with two workers the first answer after {waited[1][0]:.2f} s"
    work = "first answer after start, one worker"
    yield measured.bound(work, answer, "under 3 s", is_met=answer < 3, note=note, peak_mb=None)
    if held[0] is not None and held[1] is not None:
        added = held[1] - held[0]
        note = f"one worker {held[0]:,.0f} MB, two {held[1]:,.0f} MB: the second adds {added:,.0f} MB"
        met = held[1] < MEMORY_MB and added < ADDED_MB
        goal = f"under {MEMORY_MB:,} MB, a second worker under {ADDED_MB} MB"
        work = "memory of two workers after tiles, pages and filters (PSS)"
        yield measured.bound(work, features, goal, is_met=met, note=note, peak_mb=held[1])


def _tiles(measured: _Measured, live: Server, tipg: Server | None, lacks: str) -> Iterator[Row]:
    """Tiles of zoom 14 with all attributes, each made when asked for, plain and with gzip."""
    asked = measured.asked.tiles
    mine, theirs = OURS.tiles(asked), peers.TIPG.tiles(asked)
    agree = None
    if tipg is not None:
        pairs = zip(mine[:COMPARED], theirs[:COMPARED], strict=True)
        agree = _all(same.tiles(same.of_tile(live.get(a)[1]), same.of_tile(tipg.get(b)[1])) for a, b in pairs)
    for encoding in ("identity", "gzip"):
        goal = Goal(25, 10.0) if encoding == "identity" else Goal()
        work = f"live tiles z{data.ZOOM}, {CLIENTS} clients" + (", gzip" if encoding == "gzip" else "")
        other = None if tipg is None else (tipg, theirs)
        yield measured.row(
            work, (live, mine), _peer(measured), other, agree=agree, goal=goal, note=lacks, encoding=encoding
        )


def _unchanged(measured: _Measured, ours: Server, tipg: Server | None, lacks: str) -> Iterator[Row]:
    """Tiles that were asked for before: kept by the service, and kept by the client, which asks with their tags."""
    some = measured.asked.tiles[:1000]
    mine = OURS.tiles(some)
    other = None if tipg is None else (tipg, peers.TIPG.tiles(some))
    tags = [ours.get(path)[0]["etag"] for path in mine]
    measured.load(ours, mine, seconds=5)
    tagged = [f"{path} {tag}" for path, tag in zip(mine, tags, strict=True)]
    for work, paths in (("unchanged tile, client has it (304)", tagged), ("unchanged tile, service has it", mine)):
        yield measured.row(
            f"{work}, {CLIENTS} clients", (ours, paths), _peer(measured), other, agree=None, goal=Goal(100), note=lacks
        )


def _features(
    measured: _Measured, ours: Server, others: tuple[Server | None, Server | None], lacks: str
) -> Iterator[Row]:
    """Pages of features in boxes, and of those that conditions choose."""
    asked = measured.asked
    tipg, pygeoapi = others
    named = ((_peer(measured), tipg, peers.TIPG), (_peer(measured, "pygeoapi"), pygeoapi, peers.PYGEOAPI))
    work: list[tuple[str, Callable[[Addresses], list[str]], Goal, int]] = [
        (f"items, {PAGE:,} features with bbox", lambda a: a.pages(asked.boxes, PAGE), Goal(50), CLIENTS),
        (
            f"items, {LARGE_PAGE:,} features with bbox",
            lambda a: a.pages(asked.large, LARGE_PAGE),
            Goal(None, 30.0, "p95_ms"),
            1,
        ),
        (
            "filter on two attributes and a polygon",
            lambda a: a.filtered(asked.conditions, FILTERED),
            Goal(None, 300.0, "p95_ms"),
            1,
        ),
        (
            "filter on two attributes and a polygon",
            lambda a: a.filtered(asked.conditions, FILTERED),
            Goal(),
            CLIENTS,
        ),
    ]
    whole = (asked.boxes, asked.conditions)
    for k, (name, paths, goal, clients) in enumerate(work):
        for peer, server, addresses in named:
            agree = None
            if server is not None:
                agree = _all(_same_answers(ours, server, addresses, whole[k > 1][:COMPARED]))
            elif peer != _peer(measured):
                continue
            yield measured.row(
                f"{name}, {clients} client{'s' if clients > 1 else ''}",
                (ours, paths(OURS)),
                peer,
                None if server is None else (server, paths(addresses)),
                agree=agree,
                goal=goal,
                note=lacks,
                clients=clients,
            )


def _same_answers(
    ours: Server, theirs: Server, addresses: Addresses, asked: Sequence[str] | Sequence[data.Condition]
) -> Iterator[bool]:
    """Compare whole answers: their order differs, so pages of them would."""
    for one in asked:
        if isinstance(one, data.Condition):
            mine, other = (a.filtered([one], LARGE_PAGE)[0] for a in (OURS, addresses))
        else:
            mine, other = (a.pages([one], LARGE_PAGE)[0] for a in (OURS, addresses))
        bodies = ours.json(mine), theirs.json(other)
        yield bodies[0]["numberMatched"] == bodies[1]["numberMatched"]
        yield same.pages(*(same.of_page(body) for body in bodies))


def _soak(measured: _Measured, ours: Server) -> Row:
    """Everything at once, for minutes: errors, and memory at the start and at the end."""
    asked = measured.asked
    tiles = OURS.tiles(asked.tiles)
    tagged = [f"{path} {ours.get(path)[0]['etag']}" for path in tiles[:300]]
    pages = [*OURS.pages(asked.boxes, PAGE), *OURS.pages(asked.large[:100], LARGE_PAGE)]
    others = ["/", "/collections", OURS.base, f"{OURS.base}/queryables", f"{OURS.base}/items?limit=10&f=html", "/map"]
    mixed = [*tiles, *tagged, *pages, *OURS.filtered(asked.conditions, FILTERED), *others * 30]
    order = data.shuffled(len(mixed))
    paths = [mixed[i] for i in order]
    slices = max(round(measured.options.soak_min * 60 / SLICE_S), 2)
    loads, held = [], []
    for k in range(slices):
        loads.append(measured.load(ours, paths, seconds=SLICE_S, start=k / slices))
        held.append(held_mb(ours.process) or 0.0)
    settled = held[int(SETTLES * slices) :]
    third = max(len(settled) // 3, 1)
    growth = statistics.median(settled[-third:]) - statistics.median(settled[:third])
    found = median(loads)
    minutes = slices * SLICE_S / 60
    note = (
        f"{found.per_s:,.0f}/s, p99 {found.p99_ms:.0f} ms, {found.errors} errors, memory {held[0]:,.0f} MB at first, "
    )
    note += f"{settled[0]:,.0f} MB after a quarter, {held[-1]:,.0f} MB at the end: {growth:+,.0f} MB"
    work, goal = f"{minutes:g} minutes of mixed load, {CLIENTS} clients", "no error, no growth"
    met = found.errors == 0 and growth < GROWTH_MB
    return measured.bound(work, 1 / found.per_s, goal, is_met=met, note=note, peak_mb=max(held)) | {"held_mb": held}


def _peer(measured: _Measured, name: str = "tipg") -> str:
    venv = measured.options.venv
    return name if venv is None else peers.version(venv, name)


def _all(found: Iterator[bool | None]) -> bool | None:
    """Whether all are true; None where some were not compared."""
    listed = list(found)
    return None if None in listed else all(listed)
