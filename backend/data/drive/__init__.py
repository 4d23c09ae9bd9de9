"""The drive: the file space of a project."""
