"""Clients that ask without a pause: `wrk` where it is installed, else `api.bench.serve.client`; a process apart."""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

CLIENTS = 8
# nobody waits longer for an answer here
PATIENCE_S = 120
# each line of the list: a path, and the tag that the client has already if it has one
_LUA = """
local reqs, n, i = {}, 0, 0
function init(args)
  for line in io.lines(args[1]) do
    local path, tag = line:match("^(%S+)%s*(%S*)$")
    n = n + 1
    local headers = {}
    if tag ~= "" then headers["If-None-Match"] = tag end
    if args[2] ~= "identity" then headers["Accept-Encoding"] = args[2] end
    reqs[n] = wrk.format("GET", path, headers)
  end
  i = math.floor(n * tonumber(args[3]))
end
function request()
  i = i % n + 1
  return reqs[i]
end
function done(summary, latency)
  local e = summary.errors
  io.write(string.format('\\nRESULT {"requests": %d, "seconds": %f, "bytes": %d, "errors": %d, ' ..
    '"p50_ms": %f, "p95_ms": %f, "p99_ms": %f}\\n', summary.requests, summary.duration / 1e6, summary.bytes,
    e.connect + e.read + e.write + e.status + e.timeout, latency:percentile(50) / 1e3, latency:percentile(95) / 1e3,
    latency:percentile(99) / 1e3))
end
"""


@dataclass(frozen=True)
class Load:
    """What some seconds of load came to.

    Attributes
    ----------
    per_s
        Answers in a second.
    p50_ms, p95_ms, p99_ms
        Times from request to the last byte that so many of 100 answers keep.
    errors
        Answers of 400 and above, broken connections, answers that did not come.
    bytes
        Of one answer in the mean, headers included.
    """

    per_s: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    errors: int
    bytes: float


def tool() -> str:
    """Name what asks."""
    return "wrk" if shutil.which("wrk") else "own client"


def load(
    port: int,
    asked: Sequence[str],
    folder: Path,
    *,
    seconds: float,
    clients: int = CLIENTS,
    encoding: str = "identity",
    start: float = 0.0,
) -> Load:
    """Ask one list of paths over and over.

    Parameters
    ----------
    port
        Of the server on this machine.
    asked
        Paths, each with a blank and a tag where the client has the answer already.
    folder
        For files.
    seconds
        Whole seconds to go on.
    clients
        Connections that ask at once.
    encoding
        What `Accept-Encoding` says; `identity` says nothing.
    start
        Share of the list to begin after: a second run asks for something else.
    """
    listed = folder / "asked.txt"
    listed.write_text("\n".join(asked) + "\n", encoding="ascii")
    wrk = shutil.which("wrk")
    address = f"http://127.0.0.1:{port}"
    if wrk is None:
        command = [sys.executable, "-m", "api.bench.serve.client", str(port), str(listed), str(clients), str(seconds)]
        command += [encoding, str(start)]
    else:
        script = folder / "asked.lua"
        script.write_text(_LUA, encoding="ascii")
        command = [wrk, "-t1", f"-c{clients}", f"-d{seconds:.0f}s", "--timeout", f"{PATIENCE_S}s", "-s", str(script)]
        command += [address, "--", str(listed), encoding, str(start)]
    limit = seconds + 2 * PATIENCE_S
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=limit)  # noqa: S603 - our own
    found = json.loads(done.stdout.rpartition("RESULT ")[2])
    requests = max(found["requests"], 1)
    times = (found["p50_ms"], found["p95_ms"], found["p99_ms"])
    return Load(found["requests"] / found["seconds"], *times, found["errors"], found["bytes"] / requests)


def median(found: Sequence[Load]) -> Load:
    """Take the median of each figure, and all errors."""
    names = ("per_s", "p50_ms", "p95_ms", "p99_ms", "bytes")
    middle = {name: statistics.median(getattr(one, name) for one in found) for name in names}
    return replace(found[0], **middle, errors=sum(one.errors for one in found))
