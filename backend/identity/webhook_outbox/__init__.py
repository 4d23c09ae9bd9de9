"""Record webhook deliveries in the transaction of the change that they report."""
