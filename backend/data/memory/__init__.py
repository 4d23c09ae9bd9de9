"""Manage memory.

Jobs store records in it for later jobs of the project, which find them by key, by words and, if available, by
meaning.
"""
