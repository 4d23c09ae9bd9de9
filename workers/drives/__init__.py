"""Drives that are not on this machine: each job gets a folder of its own, and what it changed there is put back."""
