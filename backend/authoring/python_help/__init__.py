"""Help for the Python code of drafts: problems, format, completions, descriptions, definitions and renaming."""
