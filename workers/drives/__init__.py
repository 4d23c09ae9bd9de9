"""Provide staged drives for drives that are not on this host.

A job works on a copy, and its changes are stored.
"""
