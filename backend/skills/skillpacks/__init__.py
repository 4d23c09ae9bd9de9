"""Skillpacks: a line of deployments inside a project."""
