"""Connect to services outside: media models, the web, receivers of webhooks."""
