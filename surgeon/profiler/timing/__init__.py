"""Measuring time: clocks, warm-up, the paired estimator, rows. Never counts anything, never changes the model."""
