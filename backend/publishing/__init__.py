"""Publish versions of skillpacks: push, validation, activation through gates, deletion."""
