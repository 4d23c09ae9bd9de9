"""Manage the drive, which stores the files of a project."""
