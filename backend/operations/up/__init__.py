"""Run a whole instance in the foreground."""
