"""What other counters say of a network, and why: at full size, as Ultralytics prints it, as it once did."""
