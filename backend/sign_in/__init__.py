"""Serve the pages with which people set up an instance, sign in, sign out and join projects."""
