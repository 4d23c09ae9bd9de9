"""The keys of the instance: they encrypt stored values, and sign data of the instance."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from backend.core.vault.errors import BadSecretsKey, SecretUnreadable
from backend.core.vault.key_file import KeyFile

PREFIX = "enc:v1:"


class Vault:
    """Encrypts and signs with the newest key of the instance; decrypts and verifies with all keys."""

    def __init__(self, keys: list[str], key_file: KeyFile | None = None) -> None:
        """Use the given Fernet keys, newest first; keys that are later added to the key file are used too.

        Raises:
            BadSecretsKey: One of them is not a Fernet key, or there is none.
        """
        self._key_file = key_file
        self._use(keys)

    def _use(self, keys: list[str]) -> None:
        if not keys:
            raise BadSecretsKey(
                "SECRETS_ENC_KEY contains no key. Set it to a key, or remove it to use the key file."
            )
        try:
            self._fernet = MultiFernet([Fernet(key) for key in keys])
        except ValueError as error:
            raise BadSecretsKey(
                "An encryption key is not a Fernet key, which is 32 bytes as URL-safe base64, 44 characters. Correct "
                "SECRETS_ENC_KEY (separate several keys by commas, newest first) or the key file."
            ) from error
        self._keys = [key.encode() for key in keys]
        self._mac_keys: dict[str, list[bytes]] = {}

    def __repr__(self) -> str:
        return f"Vault(<{len(self._keys)} keys>)"

    @classmethod
    def open(cls, home: Path, keys: str | None) -> Vault:
        """Return the vault of the comma-separated `keys`, or else of the key file, which the first call creates.

        Raises:
            BadSecretsKey: A key is malformed, or the key file can be read by others.
        """
        if keys is not None and keys.strip():
            return cls([key.strip() for key in keys.split(",") if key.strip()])
        file = KeyFile(home)
        return cls(file.read_or_create(), file)

    def export(self) -> str:
        """Return the keys, newest first, in the form of a key file: for a backup that includes them."""
        return "".join(f"{key.decode()}\n" for key in self._keys)

    def encrypt(self, text: str) -> str:
        """Return the text encrypted with the newest key, with the prefix that identifies the format."""
        self._reread()
        return PREFIX + self._fernet.encrypt(text.encode()).decode()

    def decrypt(self, ciphertext: str) -> str:
        """Return the text that `encrypt` has encrypted.

        Raises:
            SecretUnreadable: It is damaged, or the key with which it was encrypted was removed.
        """
        return self._with_token(ciphertext, lambda fernet, token: fernet.decrypt(token)).decode()

    def rotate(self, ciphertext: str) -> str:
        """Return the same text, encrypted with the newest key.

        Raises:
            SecretUnreadable: It is damaged, or the key with which it was encrypted was removed.
        """
        return PREFIX + self._with_token(ciphertext, lambda fernet, token: fernet.rotate(token)).decode()

    def mac(self, purpose: str, message: bytes) -> bytes:
        """Return 32 bytes that only this instance can compute for the message and the purpose."""
        self._reread()
        return hmac.digest(self._derived(purpose)[0], message, sha256)

    def has_signed(self, purpose: str, message: bytes, mac: bytes) -> bool:
        """Return whether `mac` is valid, with any current key; takes the same time for each invalid value."""
        self._reread()
        expected = [hmac.digest(key, message, sha256) for key in self._derived(purpose)]
        return any(hmac.compare_digest(one, mac) for one in expected)

    def _derived(self, purpose: str) -> list[bytes]:
        keys = self._mac_keys.get(purpose)
        if keys is None:
            keys = [_derive(key, purpose) for key in self._keys]
            self._mac_keys[purpose] = keys
        return keys

    def _with_token(self, ciphertext: str, use: Callable[[MultiFernet, bytes], bytes]) -> bytes:
        self._reread()
        if not ciphertext.startswith(PREFIX):
            raise SecretUnreadable
        try:
            return use(self._fernet, ciphertext.removeprefix(PREFIX).encode())
        except InvalidToken:
            raise SecretUnreadable from None

    def _reread(self) -> None:
        """Load the keys again if another process has changed the key file, since values may use its new keys."""
        keys = self._key_file.read_if_changed() if self._key_file else None
        if keys is not None:
            self._use(keys)


def _derive(key: bytes, purpose: str) -> bytes:
    info = b"puras:mac:" + purpose.encode()
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(key)
