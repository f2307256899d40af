"""The names that checkpoints pickle."""
