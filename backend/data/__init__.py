"""Manage the data of projects: files of the drive, secrets and memory."""
