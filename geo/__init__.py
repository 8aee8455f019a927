"""The engine: pure functions on arrays and GeoDataFrames. No files, no HTTP, no clock."""
