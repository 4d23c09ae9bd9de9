"""End the life of a project, or carry it elsewhere: export, deletion, purge."""
