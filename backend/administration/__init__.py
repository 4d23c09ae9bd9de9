"""Administer an instance and the life of a project: the admin pages, export, purge, archives."""
