"""Rules for the names and values of secrets: each becomes an environment variable of jobs."""

from __future__ import annotations

import re

from backend.core.vault.errors import BadSecret

MAX_VALUE_BYTES = 64 * 1024
MAX_NAME_CHARACTERS = 128

_NAME = re.compile(r"[A-Z_][A-Z0-9_]*")
_RESERVED = frozenset(
    {
        *(
            "PATH",
            "HOME",
            "PWD",
            "OLDPWD",
            "SHELL",
            "USER",
            "LOGNAME",
            "HOSTNAME",
            "TERM",
            "TZ",
            "LANG",
            "LANGUAGE",
        ),
        *("TMPDIR", "TEMP", "TMP", "IFS", "ENV", "BASH_ENV", "SHELLOPTS", "BASHOPTS", "PS4", "VIRTUAL_ENV"),
        *("GLIBC_TUNABLES", "GCONV_PATH", "LOCPATH", "NLSPATH", "RES_OPTIONS", "LOCALDOMAIN", "HOSTALIASES"),
        *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "FTP_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR"),
        *("NODE_OPTIONS", "PERL5LIB", "PERL5OPT", "RUBYOPT", "OPENSSL_CONF"),
        *("TRACEPARENT", "TRACESTATE", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"),
    }
)
"""Set by the platform for each job, or read by its interpreter and shell; a test compares them with those of a job."""
_RESERVED_BEGINNINGS = ("PURAS_", "PYTHON", "LD_", "DYLD_", "LC_", "MALLOC_", "BASH_FUNC_")


def check_name(name: str) -> None:
    """Check that a secret may have the name.

    Raises:
        BadSecret: It is not a name of an environment variable, or the platform or the interpreter uses it.
    """
    if not _NAME.fullmatch(name) or len(name) > MAX_NAME_CHARACTERS:
        raise BadSecret(
            "name",
            f"{name[:40]!r} is not a valid name of a secret. Use uppercase letters, digits and '_', no digit first, at "
            f"most {MAX_NAME_CHARACTERS} characters: it becomes an environment variable of your jobs.",
        )
    if name in _RESERVED or name.startswith(_RESERVED_BEGINNINGS):
        raise BadSecret(
            "name",
            f"{name!r} is reserved: the platform sets it, or the interpreter of your jobs reads it. Use another name, "
            f"such as 'MY_{name}'.",
        )


def check_value(name: str, value: str) -> None:
    """Check that an environment variable can have the value.

    Raises:
        BadSecret: It is empty, too long, or contains a NUL character or half of a surrogate pair.
    """
    if not value:
        raise BadSecret("value", f"The value of {name!r} is empty. Enter a value, or delete the secret.")
    if "\0" in value:
        raise BadSecret(
            "value",
            f"The value of {name!r} contains a NUL character, which environment variables cannot contain.",
        )
    try:
        size_bytes = len(value.encode())
    except UnicodeEncodeError:
        raise BadSecret("value", f"The value of {name!r} is not valid Unicode text.") from None
    if size_bytes > MAX_VALUE_BYTES:
        raise BadSecret(
            "value", f"The value of {name!r} is longer than {MAX_VALUE_BYTES} bytes. Store it in the drive."
        )
