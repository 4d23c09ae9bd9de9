"""Notebooks of working copies: the kernels that run their cells, each of which is a job of the project."""
