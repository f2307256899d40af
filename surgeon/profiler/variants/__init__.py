"""Other ways to run the same network, each built once, checked against eager and timed in the same blocks."""
