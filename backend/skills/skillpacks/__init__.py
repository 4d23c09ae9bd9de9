"""Manage skillpacks: series of deployments inside a project."""
