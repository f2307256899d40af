"""Traces: what runs when, by row, for Perfetto, chrome://tracing and TensorBoard's plugin."""
