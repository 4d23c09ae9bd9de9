"""Connect to external services: media models, the web, receivers of webhooks."""
