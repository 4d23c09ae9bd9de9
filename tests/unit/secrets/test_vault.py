"""The vault: encryption at rest, key rotation, signatures, and the key file."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from backend.core.vault.errors import BadSecretsKey, SecretUnreadable
from backend.core.vault.key_file import KeyFile
from backend.core.vault.vault import Vault


def new_key() -> str:
    return Fernet.generate_key().decode()


def test_encrypted_value_is_hidden_and_can_be_decrypted(tmp_path: Path) -> None:
    vault = Vault.open(tmp_path, None)
    ciphertext = vault.encrypt("hunter2 ☃")
    assert ciphertext.startswith("enc:v1:")
    assert "hunter2" not in ciphertext
    assert vault.decrypt(ciphertext) == "hunter2 ☃"


def test_key_file_is_private_and_persistent(tmp_path: Path) -> None:
    ciphertext = Vault.open(tmp_path, None).encrypt("kept")
    key_file = tmp_path / "keys" / "secrets.key"
    assert key_file.stat().st_mode & 0o777 == 0o600
    assert key_file.parent.stat().st_mode & 0o777 == 0o700
    assert Vault.open(tmp_path, None).decrypt(ciphertext) == "kept"
    assert [entry.name for entry in key_file.parent.iterdir()] == ["secrets.key"]


def test_processes_that_start_together_use_one_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        vaults = list(pool.map(lambda _: Vault.open(tmp_path, None), range(16)))
    ciphertext = vaults[0].encrypt("one")
    assert {vault.decrypt(ciphertext) for vault in vaults} == {"one"}


def test_key_file_that_others_can_read_is_rejected(tmp_path: Path) -> None:
    Vault.open(tmp_path, None)
    (tmp_path / "keys" / "secrets.key").chmod(0o644)
    with pytest.raises(BadSecretsKey, match="chmod 600"):
        Vault.open(tmp_path, None)


def test_key_file_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text(new_key())
    elsewhere.chmod(0o600)
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "secrets.key").symlink_to(elsewhere)
    with pytest.raises(OSError, match="symbolic links"):
        Vault.open(tmp_path, None)


A_KEY = "A" * 43 + "="  # a constant key, because it is part of the test ID


@pytest.mark.parametrize("keys", ["short", "x" * 44, f"{A_KEY},nonsense"])
def test_malformed_key_is_reported_without_its_value(tmp_path: Path, keys: str) -> None:
    with pytest.raises(BadSecretsKey, match="SECRETS_ENC_KEY") as caught:
        Vault.open(tmp_path, keys)
    assert keys not in str(caught.value)


def test_older_key_decrypts_and_rotation_uses_the_newest(tmp_path: Path) -> None:
    old, new = new_key(), new_key()
    ciphertext = Vault.open(tmp_path, old).encrypt("moved")
    both = Vault.open(tmp_path, f"{new}, {old}")
    rotated = both.rotate(ciphertext)
    assert both.decrypt(ciphertext) == "moved"
    assert Vault.open(tmp_path, new).decrypt(rotated) == "moved"
    with pytest.raises(SecretUnreadable):
        Vault.open(tmp_path, new).decrypt(ciphertext)


@pytest.mark.parametrize("damaged", ["plain text", "enc:v1:", "enc:v1:AAAA", "enc:v2:AAAA"])
def test_ciphertext_of_another_source_is_rejected(tmp_path: Path, damaged: str) -> None:
    vault = Vault.open(tmp_path, None)
    for read in (vault.decrypt, vault.rotate):
        with pytest.raises(SecretUnreadable):
            read(damaged)


def test_signature_is_valid_only_for_its_purpose_and_message(tmp_path: Path) -> None:
    vault = Vault.open(tmp_path, None)
    mac = vault.mac("drive.sign", b"message")
    assert len(mac) == 32
    assert vault.has_signed("drive.sign", b"message", mac)
    assert not vault.has_signed("drive.sign", b"massage", mac)
    assert not vault.has_signed("job.token", b"message", mac)
    assert not vault.has_signed("drive.sign", b"message", mac[:16])
    assert not Vault.open(tmp_path, new_key()).has_signed("drive.sign", b"message", mac)


def test_signatures_of_an_older_key_are_valid_while_it_is_listed(tmp_path: Path) -> None:
    old, new = new_key(), new_key()
    mac = Vault.open(tmp_path, old).mac("drive.sign", b"message")
    assert Vault.open(tmp_path, f"{new},{old}").has_signed("drive.sign", b"message", mac)
    assert not Vault.open(tmp_path, new).has_signed("drive.sign", b"message", mac)


def test_representation_of_a_vault_contains_no_key(tmp_path: Path) -> None:
    key = new_key()
    assert key not in repr(Vault.open(tmp_path, key))


def test_vault_loads_a_key_that_another_process_added(tmp_path: Path) -> None:
    running, other = Vault.open(tmp_path, None), Vault.open(tmp_path, None)
    before = running.encrypt("kept")
    changing = KeyFile(tmp_path)
    newest = changing.add_newest()[0]
    written = Vault.open(tmp_path, None).encrypt("new")
    assert running.decrypt(written) == "new"
    assert other.has_signed(
        "drive.sign", b"message", Vault.open(tmp_path, None).mac("drive.sign", b"message")
    )
    assert running.decrypt(before) == "kept"
    assert changing.drop_older_than(newest) == 1
    assert other.decrypt(running.encrypt("again")) == "again"
    with pytest.raises(SecretUnreadable):
        Vault.open(tmp_path, None).decrypt(before)


def test_concurrently_added_keys_are_all_stored(tmp_path: Path) -> None:
    first = KeyFile(tmp_path).read_or_create()
    with ThreadPoolExecutor(8) as threads:
        added = list(threads.map(lambda _: KeyFile(tmp_path).add_newest()[0], range(24)))
    keys = KeyFile(tmp_path).read()
    assert (sorted(keys[:-1]), keys[-1:]) == (sorted(added), first)


def test_key_added_during_removal_of_older_ones_is_kept(tmp_path: Path) -> None:
    file = KeyFile(tmp_path)
    file.read_or_create()
    newest, later = file.add_newest()[0], KeyFile(tmp_path).add_newest()[0]
    assert file.drop_older_than(newest) == 1
    assert file.read() == [later, newest]
