"""The `feedmill` command."""
