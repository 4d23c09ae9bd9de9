"""Check values against the JSON schemas of skills."""
