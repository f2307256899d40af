"""Deployed networks: ONNX files, timed against each other in ONNX Runtime."""
