"""Manage subjobs: which skills a running job may call, and which calls need an approval."""
