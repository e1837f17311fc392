"""The sink that keeps facts and dimensions."""
