"""Manage the model catalog of the instance: families, endpoints and prices."""
