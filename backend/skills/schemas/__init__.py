"""Implement the JSON Schema dialect of skills: validate schemas, validate values, and report problems."""
