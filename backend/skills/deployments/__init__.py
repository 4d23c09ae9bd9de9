"""Manage deployments: immutable bundles of a skillpack, most of them numbered versions."""
