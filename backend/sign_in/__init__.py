"""Serve the pages with which users set up an instance, sign in, sign out and join projects."""
