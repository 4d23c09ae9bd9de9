"""Attempts of jobs, from the claim to the end, and recovery from lost workers."""
