"""Saved views of the list of jobs: named filters, orders and columns of one user in one project."""
