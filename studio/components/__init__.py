"""Stateless functions of Vars, and the wrappers of our own JSX."""
