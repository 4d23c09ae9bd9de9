"""Note what webhooks have to deliver, in the transaction that it belongs to."""
