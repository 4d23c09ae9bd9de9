"""Store the results of the durable steps of functions, so that a later attempt skips finished steps."""
