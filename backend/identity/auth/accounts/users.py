"""Create user accounts, and verify and set their passwords."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from backend.core.db.engine import AnySession, Database
from backend.core.errors import Invalid, NotSignedIn, Problem
from backend.identity.auth import audit
from backend.identity.auth.accounts.hashing import Hashers
from backend.identity.auth.actors import OPERATOR_LABEL
from backend.identity.auth.errors import EmailTaken, UserNotFound
from backend.identity.tables import User

MIN_PASSWORD_CHARACTERS: Final = 10
MAX_PASSWORD_CHARACTERS: Final = 256
MAX_EMAIL_CHARACTERS: Final = 190
_MIN_DIFFERENT_CHARACTERS: Final = 5
_EMAIL: Final = re.compile(r"[^@\s\x00-\x1f<>\"]+@[^@\s\x00-\x1f<>\"]+")
HASHER = PasswordHasher()
"""A hash of another cost is replaced when its user signs in."""
_HASHERS: Final = Hashers()


class WrongPassword(NotSignedIn):
    """The email address or the password is wrong."""

    code = "wrong_password"
    message = "The e-mail or the password is wrong. Check both and try again."


@dataclass(frozen=True, slots=True)
class PasswordProof:
    """The proof that a user knows the password of an account, as it was when it was verified."""

    email: str
    password_hash: str = field(repr=False)
    rehashed: str | None = field(default=None, repr=False)
    """The same password hashed with the current parameters; `None` when it is already."""


async def create(
    session: AsyncSession,
    *,
    email: str,
    password: str,
    name: str = "",
    is_operator: bool = False,
    by: str = OPERATOR_LABEL,
) -> User:
    """Create an account.

    Raises:
        EmailTaken: An account has this e-mail.
        Invalid: The e-mail is not valid, or the password is too easy to guess.
    """
    email = normalize_email(email)
    _check(email, password, name)
    user = User(email=email, name=name.strip(), password_hash=await _hash(password), is_operator=is_operator)
    try:
        async with session.begin_nested():
            session.add(user)
    except IntegrityError as error:
        raise EmailTaken(email) from error
    await audit.record_instance(session, by, "user.created", email, is_operator=is_operator)
    return user


async def verify_password(database: Database, *, email: str, password: str) -> PasswordProof:
    """Verify a password.

    It takes as long for an unknown e-mail, and uses no database connection while it hashes.

    Raises:
        WrongPassword: The e-mail or the password is wrong, or the account is disabled.
        Unavailable: Too many users are signing in.
    """
    email = normalize_email(email)
    query = select(col(User.password_hash)).where(col(User.email) == email, col(User.disabled_at).is_(None))
    async with database.transaction() as session:
        password_hash = await session.scalar(query)
    is_correct = await _verify(password_hash, password)
    if password_hash is None or not is_correct:
        raise WrongPassword
    rehashed = await _hash(password) if HASHER.check_needs_rehash(password_hash) else None
    return PasswordProof(email, password_hash, rehashed)


async def verified_user(session: AsyncSession, proof: PasswordProof) -> User:
    """Return and lock the user whose password was verified.

    Raises:
        WrongPassword: The password was changed, or the account disabled, since then.
    """
    query = select(User).where(
        col(User.email) == proof.email,
        col(User.password_hash) == proof.password_hash,
        col(User.disabled_at).is_(None),
    )
    user = (await session.scalars(query.with_for_update())).one_or_none()
    if user is None:
        raise WrongPassword
    if proof.rehashed is not None:
        user.password_hash = proof.rehashed
    return user


async def set_password(user: User, password: str) -> None:
    """Set the user's password.

    Raises:
        Invalid: The password is too easy to guess.
    """
    _check(user.email, password, user.name)
    user.password_hash = await _hash(password)


async def get_by_email(session: AsyncSession, email: str) -> User:
    """Return the active user with this e-mail.

    Raises:
        UserNotFound: No account has the e-mail, or the account is disabled.
    """
    query = select(User).where(col(User.email) == normalize_email(email), col(User.disabled_at).is_(None))
    user = (await session.scalars(query)).one_or_none()
    if user is None:
        raise UserNotFound(email)
    return user


async def count(session: AnySession) -> int:
    """Return the number of active accounts."""
    found: int = (await session.execute(_COUNT)).scalar_one()
    return found


def normalize_email(email: str) -> str:
    """Return the e-mail as it is stored and looked up."""
    return email.replace("\x00", "").strip().lower()


def _check(email: str, password: str, name: str) -> None:
    problems = [Problem("password", problem) for problem in _password_problems(email, password)]
    if len(email) > MAX_EMAIL_CHARACTERS or not _EMAIL.fullmatch(email):
        problems.append(Problem("email", "Enter an e-mail address, such as ada@example.org."))
    if len(name) > 200 or "\x00" in name:
        problems.append(Problem("name", "A name must have at most 200 characters."))
    if problems:
        raise Invalid(" ".join(problem.message for problem in problems), problems)


def _password_problems(email: str, password: str) -> list[str]:
    if len(password) < MIN_PASSWORD_CHARACTERS:
        return [
            f"Use a password of at least {MIN_PASSWORD_CHARACTERS} characters; three words make a good one."
        ]
    if len(password) > MAX_PASSWORD_CHARACTERS:
        return [f"Use a password of at most {MAX_PASSWORD_CHARACTERS} characters."]
    if len(set(password)) < _MIN_DIFFERENT_CHARACTERS:
        return [f"Use at least {_MIN_DIFFERENT_CHARACTERS} different characters in the password."]
    if password.lower() in (email, email.partition("@")[0]):
        return ["Use a password that differs from your e-mail."]
    return []


async def _hash(password: str) -> str:
    return await _HASHERS.run(partial(HASHER.hash, password))


async def _verify(password_hash: str | None, password: str) -> bool:
    limited = password[: MAX_PASSWORD_CHARACTERS + 1]
    return await _HASHERS.run(partial(_matches, password_hash, limited))


def _matches(password_hash: str | None, password: str) -> bool:
    try:
        return HASHER.verify(password_hash or _dummy_hash(), password)
    except (VerifyMismatchError, InvalidHashError):
        return False


@lru_cache(maxsize=1)
def _dummy_hash() -> str:
    return HASHER.hash("no user has this password")


_COUNT: Final = text("select count(*) from users where disabled_at is null")
