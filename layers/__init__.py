"""What is published: catalogue, release, tiles, styles, maps."""
