"""Encrypt and sign with the keys of the instance."""
