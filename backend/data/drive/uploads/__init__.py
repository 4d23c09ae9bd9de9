"""Receive files from clients, in one request or several, and store them in the drive."""
