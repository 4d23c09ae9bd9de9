"""The browser studio."""
