"""Counting multiply-accumulate operations, exactly and by row. Never times anything, never changes the model."""
