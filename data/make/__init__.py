"""Scripts that make the built-in tables from their sources. Run `python -m data.make --help`."""
