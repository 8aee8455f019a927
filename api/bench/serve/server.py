"""Servers that a benchmark starts, asks and stops: ours as a user runs it, any other by its command."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

START_S = 180.0
STOP_S = 20.0
PAUSE_S = 0.02
ANSWER_S = 300.0


@dataclass(frozen=True)
class Server:
    """A server that answers.

    Attributes
    ----------
    port
        On this machine.
    process
        Its id; workers are below it.
    start_s
        Seconds from its start to its first answer.
    """

    port: int
    process: int
    start_s: float

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> tuple[dict[str, str], bytes]:
        """Ask once; return headers and body.

        Raises
        ------
        RuntimeError
            An error is answered: it must not count as an answer.
        """
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=ANSWER_S)
        try:
            line.request("GET", path, headers=dict(headers or {}))
            answer = line.getresponse()
            body = answer.read()
        finally:
            line.close()
        if answer.status >= http.HTTPStatus.BAD_REQUEST:
            message = f"{path}: {answer.status} {body[:500].decode(errors='replace')}"
            raise RuntimeError(message)
        return {name.lower(): value for name, value in answer.getheaders()}, body

    def json(self, path: str) -> Any:  # noqa: ANN401 - JSON
        """Ask for JSON."""
        return json.loads(self.get(path, {"Accept": "application/geo+json, application/json"})[1])


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(command: Sequence[str], port: int, path: str, *, env: Mapping[str, str], folder: Path) -> Iterator[Server]:
    """Start a server, wait for its first answer to `path`, and stop it at the end.

    Raises
    ------
    RuntimeError
        It ended, or did not answer in time; with the end of what it wrote.
    """
    written = folder / f"server-{port}.log"
    begun = time.perf_counter()
    with (
        written.open("wb") as log,
        subprocess.Popen(  # noqa: S603 - our own command
            list(command), cwd=folder, env=dict(env), stdout=log, stderr=log, start_new_session=True
        ) as process,
    ):
        try:
            _wait(process, port, path, begun, written)
            yield Server(port, process.pid, time.perf_counter() - begun)
        finally:
            process.terminate()
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, 9)


@contextmanager
def revier(home: Path, folder: Path, *, workers: int, more: Mapping[str, str] | None = None) -> Iterator[Server]:
    """Run `revier serve`; `more` are settings as variables."""
    port = free_port()
    # compiled modules are kept between runs, as they are for a user
    env = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"} | dict(more or {})
    env["PYTHONPATH"] = str(Path(__file__).parents[3])
    command = [sys.executable, "-m", "api.cli", "serve", "--home", str(home), "--port", str(port)]
    with running([*command, "--workers", str(workers)], port, "/", env=env, folder=folder) as server:
        yield server


def command_line(*arguments: str) -> dict[str, Any]:
    """Run a `revier` command with `--json`; return its answer."""
    env = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    env["PYTHONPATH"] = str(Path(__file__).parents[3])
    command = [sys.executable, "-m", "api.cli", *arguments, "--json"]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=env)  # noqa: S603 - our own
    answer: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return answer


def _wait(process: subprocess.Popen[bytes], port: int, path: str, begun: float, written: Path) -> None:
    while time.perf_counter() - begun < START_S and process.poll() is None:
        with suppress(OSError, http.client.HTTPException):
            line = http.client.HTTPConnection("127.0.0.1", port, timeout=START_S)
            try:
                line.request("GET", path, headers={"Accept": "application/json"})
                answer = line.getresponse()
                answer.read()
            finally:
                line.close()
            if answer.status == http.HTTPStatus.OK:
                return
        time.sleep(PAUSE_S)
    said = written.read_text(encoding="utf-8", errors="replace")[-1000:]
    message = f"{process.args!r} did not answer within {START_S:g} s: {said}"
    raise RuntimeError(message)
