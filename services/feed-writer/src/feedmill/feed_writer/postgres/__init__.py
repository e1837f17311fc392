"""The sink that keeps what feeds need."""
