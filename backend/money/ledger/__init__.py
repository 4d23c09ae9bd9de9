"""Manage the ledger: wallets, double entry, reservations and usage."""
