"""The instance's keys: what is stored encrypted, and what we sign ourselves, both come from here."""

from __future__ import annotations

import hmac
import os
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from secrets import token_hex

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from backend.secrets.errors import BadSecretsKey, SecretUnreadable

PREFIX = "enc:v1:"


class Vault:
    """Encrypts and signs with the instance's keys; the newest writes, every one still reads."""

    def __init__(self, keys: list[str]) -> None:
        """Use the given Fernet keys, newest first.

        Raises:
            BadSecretsKey: one of them is not a Fernet key, or there is none.
        """
        if not keys:
            raise BadSecretsKey("There is no encryption key. Set SECRETS_ENC_KEY, or leave it unset.")
        try:
            self._fernet = MultiFernet([Fernet(key) for key in keys])
        except ValueError as error:
            raise BadSecretsKey(
                "An encryption key is not a Fernet key: 32 bytes as URL-safe base64, 44 characters. Mend "
                "SECRETS_ENC_KEY (several are separated by commas, newest first) or the key file."
            ) from error
        self._keys = [key.encode() for key in keys]
        self._mac_keys: dict[str, list[bytes]] = {}

    def __repr__(self) -> str:
        return f"Vault(<{len(self._keys)} keys>)"

    @classmethod
    def open(cls, home: Path, keys: str | None) -> Vault:
        """The vault of the comma-separated `keys`, else of the home's key file, made on the first call.

        Raises:
            BadSecretsKey: a key is malformed, or the key file can be read by others.
        """
        if keys is not None and keys.strip():
            return cls([key.strip() for key in keys.split(",") if key.strip()])
        return cls(_read_or_make_key_file(home / "keys" / "secrets.key"))

    def encrypt(self, text: str) -> str:
        """The text encrypted with the newest key, with the prefix that names the form."""
        return PREFIX + self._fernet.encrypt(text.encode()).decode()

    def decrypt(self, ciphertext: str) -> str:
        """The text of something that `encrypt` made.

        Raises:
            SecretUnreadable: it is damaged, or the key it was written with is gone.
        """
        return self._with_token(ciphertext, self._fernet.decrypt).decode()

    def rotate(self, ciphertext: str) -> str:
        """The same text under the newest key.

        Raises:
            SecretUnreadable: it is damaged, or the key it was written with is gone.
        """
        return PREFIX + self._with_token(ciphertext, self._fernet.rotate).decode()

    def mac(self, purpose: str, message: bytes) -> bytes:
        """32 bytes that only this instance can make for this message and purpose."""
        return hmac.digest(self._derived(purpose)[0], message, sha256)

    def has_signed(self, purpose: str, message: bytes, mac: bytes) -> bool:
        """Whether `mac` made this, with any key still in use; takes the same time for every wrong answer."""
        expected = [hmac.digest(key, message, sha256) for key in self._derived(purpose)]
        return any(hmac.compare_digest(one, mac) for one in expected)

    def _derived(self, purpose: str) -> list[bytes]:
        keys = self._mac_keys.get(purpose)
        if keys is None:
            keys = [_derive(key, purpose) for key in self._keys]
            self._mac_keys[purpose] = keys
        return keys

    @staticmethod
    def _with_token(ciphertext: str, use: Callable[[bytes], bytes]) -> bytes:
        if not ciphertext.startswith(PREFIX):
            raise SecretUnreadable
        try:
            return use(ciphertext.removeprefix(PREFIX).encode())
        except InvalidToken:
            raise SecretUnreadable from None


def _derive(key: bytes, purpose: str) -> bytes:
    info = b"puras:mac:" + purpose.encode()
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(key)


def _read_or_make_key_file(path: Path) -> list[str]:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        return _read_key_file(path)
    except FileNotFoundError:
        _make_key_file(path)
        return _read_key_file(path)


def _read_key_file(path: Path) -> list[str]:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    with os.fdopen(descriptor, encoding="ascii") as file:
        if os.fstat(descriptor).st_mode & 0o077:
            raise BadSecretsKey(f"The key file {str(path)!r} can be read by others. Run: chmod 600 {path}")
        return file.read().split()


def _make_key_file(path: Path) -> None:
    """Write a new key completely or not at all; of several processes that try at once, one wins."""
    draft = path.with_name(f".{path.name}.{token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(Fernet.generate_key() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            path.hardlink_to(draft)
        except FileExistsError:
            return
    finally:
        draft.unlink()
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
