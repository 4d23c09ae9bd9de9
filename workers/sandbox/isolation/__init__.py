"""Confine processes and limit their resources: layers, mounts, paths, control groups and the watchdog."""
