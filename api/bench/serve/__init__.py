"""The service and those that a user could run instead: the same buildings, the same questions, the same load."""

from api.bench.serve.work import Options, rows

__all__ = ["Options", "rows"]
