"""Commands of `revier`: a module is imported when one of its commands is called (`api.cli`)."""
