"""A process of its own that lets GDAL write a file: GDAL holds the interpreter for all of it, and may end it.

Run as a script; it needs nothing of ours. Arguments are one JSON object, batches come as an Arrow stream.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

NO_ROOM = 28
PROBE = 2**20
# what pyogrio loads where it can, and this needs nothing of: half a second
SPARED = ("geopandas", "pandas", "shapely", "pyproj")


def main() -> int:
    """Write the file; 0 if it is whole, 28 if there was no room, else 1 with the reason on stderr."""
    sys.modules.update(dict.fromkeys(SPARED))  # type: ignore[arg-type] # None makes an import fail
    import pyarrow as pa  # noqa: PLC0415 - slow to import, and this is imported by who only wants its name
    import pyogrio  # noqa: PLC0415 - slow to import

    order = json.loads(sys.argv[1])
    path = order.pop("path")
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": order.pop("date")})
    try:
        with pa.ipc.open_stream(sys.stdin.buffer) as stream:
            pyogrio.write_arrow(stream, path, **order)
    except Exception as error:  # noqa: BLE001 - whatever it is, the parent is told
        sys.stderr.write(f"{error}")
        return 1 if has_room(Path(path)) else NO_ROOM
    return 0


def has_room(path: Path) -> bool:
    """Whether a file can still grow: what GDAL and SQLite say of a full disk differs from case to case."""
    try:
        with path.open("ab") as file:
            file.write(b"." * PROBE)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
