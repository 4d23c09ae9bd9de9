"""Staged drives, for drives that are not on this host: a job works on a copy, and its changes are stored."""
