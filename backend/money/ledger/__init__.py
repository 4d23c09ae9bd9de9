"""The ledger: wallets, double entry, reservations, usage."""
