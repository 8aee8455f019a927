"""Where `wrk` is missing: clients on keep-alive connections, `python -m api.bench.serve.client PORT LIST …`."""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

FAILED = 400


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> tuple[int, int]:
    """Send one request; return the status of its answer and the bytes that were read."""
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    status = int(head.split(b" ", 2)[1])
    lines = head.lower().split(b"\r\n")
    length = next((int(line[15:]) for line in lines if line.startswith(b"content-length:")), None)
    if length is not None:
        await reader.readexactly(length)
        return status, len(head) + length
    size = 0
    while any(line.startswith(b"transfer-encoding:") for line in lines):
        piece = int((await reader.readline()).split(b";")[0], 16)
        await reader.readexactly(piece + 2)
        size += piece
        if piece == 0:
            break
    return status, len(head) + size


def requests(listed: list[str], encoding: str) -> list[bytes]:
    """Write requests for paths, each with the tag behind it if there is one."""
    found = []
    for line in listed:
        path, _, tag = line.partition(" ")
        head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        head += f"If-None-Match: {tag}\r\n" if tag else ""
        head += f"Accept-Encoding: {encoding}\r\n" if encoding != "identity" else ""
        found.append(f"{head}\r\n".encode("ascii"))
    return found


async def run(port: int, asked: Iterator[bytes], clients: int, seconds: float) -> dict[str, float]:
    """Ask until the time is over."""
    times: list[float] = []
    size = errors = 0
    begun = time.perf_counter()
    end = begun + seconds

    async def one() -> None:
        nonlocal size, errors
        while time.perf_counter() < end:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                while time.perf_counter() < end:
                    start = time.perf_counter()
                    status, read = await ask(reader, writer, next(asked))
                    times.append(time.perf_counter() - start)
                    size += read
                    errors += status >= FAILED
                writer.close()
            except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
                errors += 1
                await asyncio.sleep(0.1)

    await asyncio.gather(*(one() for _ in range(clients)))
    p50, p95, p99 = (1000 * np.percentile(times or [0.0], [50, 95, 99])).tolist()
    took = {"requests": len(times), "seconds": time.perf_counter() - begun, "bytes": size, "errors": errors}
    return {**took, "p50_ms": p50, "p95_ms": p95, "p99_ms": p99}


def main(port: str, listed: str, clients: str, seconds: str, encoding: str, start: str) -> str:
    """Ask as `api.bench.serve.load` wants it; return what it reads."""
    made = requests(Path(listed).read_text(encoding="ascii").split("\n")[:-1], encoding)
    first = int(len(made) * float(start))
    asked = itertools.cycle(made[first:] + made[:first])
    return "RESULT " + json.dumps(asyncio.run(run(int(port), asked, int(clients), float(seconds))))


if __name__ == "__main__":
    print(main(*sys.argv[1:]))  # noqa: T201 - what the caller reads
