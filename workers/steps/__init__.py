"""Answer the requests of functions that consist of durable steps."""
