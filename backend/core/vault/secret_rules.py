"""Which names and values can be secrets: each becomes an environment variable of jobs."""

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
"""Set by the platform for each job, or read by its interpreter and shell: a test compares them with those of a job."""
_RESERVED_BEGINNINGS = ("PURAS_", "PYTHON", "LD_", "DYLD_", "LC_", "MALLOC_", "BASH_FUNC_")


def check_name(name: str) -> None:
    """Refuse what cannot name a secret.

    Raises:
        BadSecret: It is no name of an environment variable, or one that the platform sets or the interpreter reads.
    """
    if not _NAME.fullmatch(name) or len(name) > MAX_NAME_CHARACTERS:
        raise BadSecret(
            "name",
            f"{name[:40]!r} cannot name a secret. Use capital letters, digits and '_', no digit first, at most "
            f"{MAX_NAME_CHARACTERS} characters: it becomes an environment variable of your jobs.",
        )
    if name in _RESERVED or name.startswith(_RESERVED_BEGINNINGS):
        raise BadSecret(
            "name",
            f"{name!r} is set by the platform or steers the interpreter of your jobs, so it cannot be a secret. Take a "
            f"name of your own, like 'MY_{name}'.",
        )


def check_value(name: str, value: str) -> None:
    """Refuse what an environment variable cannot hold.

    Raises:
        BadSecret: It is empty, too long, or holds a NUL character or half of one.
    """
    if not value:
        raise BadSecret("value", f"The value of {name!r} is empty. Give one, or delete the secret.")
    if "\0" in value:
        raise BadSecret(
            "value", f"The value of {name!r} holds a NUL character, which no environment can hold."
        )
    try:
        size_bytes = len(value.encode())
    except UnicodeEncodeError:
        raise BadSecret("value", f"The value of {name!r} is not valid Unicode text.") from None
    if size_bytes > MAX_VALUE_BYTES:
        raise BadSecret(
            "value", f"The value of {name!r} is over {MAX_VALUE_BYTES} bytes. Put it into the drive."
        )
