"""Traces: what a request and its job spent their time on, sent to an OTLP receiver when the operator names one."""
