"""Consent of people to single calls of an agent: asked for, given or refused, and kept."""
