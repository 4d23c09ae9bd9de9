"""The numbers that the project promises, each measured beside its peer."""
