"""Manage projects and their members."""
