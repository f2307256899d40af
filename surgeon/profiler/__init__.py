"""Measuring: parameters, MACs, latency, memory. Results are data; printing is `surgeon.report`'s."""
