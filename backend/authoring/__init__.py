"""Provide the editing of skills: drafts in the studio, and notebooks."""
