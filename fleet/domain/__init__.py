"""Pure rules of the fleet: time is an argument, nothing here waits, reads a clock or does I/O."""
