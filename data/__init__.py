"""Sources and stores: importers, schemas, tables, places."""
