"""Manage drafts: the files of a skillpack that users edit, until they are published as a version."""
