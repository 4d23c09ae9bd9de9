"""Provide `secret` under the module name that existing skills use: `from puras.secrets import secret`."""

from __future__ import annotations

from puras.secret import SecretError, secret

__all__ = ["SecretError", "secret"]
