"""What confines and bounds processes on this machine: layers, mounts, paths, control groups and the watchdog."""
