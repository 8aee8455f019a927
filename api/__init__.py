"""HTTP, command line and web pages."""

__version__ = "0.1.0"
