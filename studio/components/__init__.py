"""Shared parts of pages: functions that return components, and wrappers of the JSX in `assets/ui`."""
