"""What one training step holds in memory, followed on a twin without data."""
