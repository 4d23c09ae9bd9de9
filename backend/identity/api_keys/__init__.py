"""API keys of projects: create, change, list and revoke them."""
