"""Traces: the duration of the steps of a request and its job, exported to an OTLP receiver that the operator sets."""
