"""surgeon: FLOPs/latency profiling and model surgery for YOLO networks."""
