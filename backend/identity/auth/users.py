"""People and their passwords."""

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
from backend.identity.auth.actors import OPERATOR_LABEL
from backend.identity.auth.errors import EmailTaken, UserNotFound
from backend.identity.auth.hashing import Hashers
from backend.identity.tables import User

LEAST_PASSWORD_CHARACTERS: Final = 10
MAX_PASSWORD_CHARACTERS: Final = 256
MAX_EMAIL_CHARACTERS: Final = 190
_LEAST_DIFFERENT_CHARACTERS: Final = 5
_EMAIL: Final = re.compile(r"[^@\s\x00-\x1f<>\"]+@[^@\s\x00-\x1f<>\"]+")
_HASHER: Final = PasswordHasher()
_HASHERS: Final = Hashers()


class WrongPassword(NotSignedIn):
    """The email address or the password is wrong."""

    code = "wrong_password"
    message = "E-mail and password do not belong together. Check both and try again."


@dataclass(frozen=True, slots=True)
class Proof:
    """Somebody has shown the password that an account had a moment ago."""

    email: str
    password_hash: str = field(repr=False)
    renewed: str | None = field(default=None, repr=False)
    """The same password hashed as is the custom today."""


async def create(
    session: AsyncSession,
    *,
    email: str,
    password: str,
    name: str = "",
    is_operator: bool = False,
    by: str = OPERATOR_LABEL,
) -> User:
    """Make an account.

    Raises:
        EmailTaken: somebody has one with this e-mail.
        Invalid: the e-mail is not one, or the password is too easy to guess.
    """
    email = normal_email(email)
    _check(email, password, name)
    user = User(email=email, name=name.strip(), password_hash=await _hash(password), is_operator=is_operator)
    try:
        async with session.begin_nested():
            session.add(user)
    except IntegrityError as error:
        raise EmailTaken(email) from error
    await audit.record_instance(session, by, "user.created", email, is_operator=is_operator)
    return user


async def prove(database: Database, *, email: str, password: str) -> Proof:
    """Check a password; takes as long for an e-mail that nobody has, and holds no connection while it takes its time.

    Raises:
        WrongPassword: they do not belong together, or the account is disabled.
        Unavailable: too many sign in at this moment.
    """
    email = normal_email(email)
    query = select(col(User.password_hash)).where(col(User.email) == email, col(User.disabled_at).is_(None))
    async with database.transaction() as session:
        password_hash = await session.scalar(query)
    is_right = await _verify(password_hash, password)
    if password_hash is None or not is_right:
        raise WrongPassword
    renewed = await _hash(password) if _HASHER.check_needs_rehash(password_hash) else None
    return Proof(email, password_hash, renewed)


async def proven(session: AsyncSession, proof: Proof) -> User:
    """The user whose password was shown, while it still is theirs.

    Raises:
        WrongPassword: it was changed, or the account disabled, in the meantime.
    """
    query = select(User).where(
        col(User.email) == proof.email,
        col(User.password_hash) == proof.password_hash,
        col(User.disabled_at).is_(None),
    )
    user = (await session.scalars(query.with_for_update())).one_or_none()
    if user is None:
        raise WrongPassword
    if proof.renewed is not None:
        user.password_hash = proof.renewed
    return user


async def set_password(user: User, password: str) -> None:
    """Give the user another password.

    Raises:
        Invalid: it is too easy to guess.
    """
    _check(user.email, password, user.name)
    user.password_hash = await _hash(password)


async def by_email(session: AsyncSession, email: str) -> User:
    """The user with this e-mail who may sign in.

    Raises:
        UserNotFound: nobody has it, or the account is disabled.
    """
    query = select(User).where(col(User.email) == normal_email(email), col(User.disabled_at).is_(None))
    user = (await session.scalars(query)).one_or_none()
    if user is None:
        raise UserNotFound(email)
    return user


async def count(session: AnySession) -> int:
    """How many people have an account here."""
    found: int = (await session.execute(_COUNT)).scalar_one()
    return found


def normal_email(email: str) -> str:
    """The e-mail as it is stored and looked up."""
    return email.replace("\x00", "").strip().lower()


def _check(email: str, password: str, name: str) -> None:
    problems = [Problem("password", why) for why in _password_faults(email, password)]
    if len(email) > MAX_EMAIL_CHARACTERS or not _EMAIL.fullmatch(email):
        problems.append(Problem("email", "Give an e-mail address, like ada@example.org."))
    if len(name) > 200 or "\x00" in name:
        problems.append(Problem("name", "A name has at most 200 characters."))
    if problems:
        raise Invalid(" ".join(problem.message for problem in problems), problems)


def _password_faults(email: str, password: str) -> list[str]:
    if len(password) < LEAST_PASSWORD_CHARACTERS:
        return [
            f"Use a password of at least {LEAST_PASSWORD_CHARACTERS} characters; three words make a good one."
        ]
    if len(password) > MAX_PASSWORD_CHARACTERS:
        return [f"Use a password of at most {MAX_PASSWORD_CHARACTERS} characters."]
    if len(set(password)) < _LEAST_DIFFERENT_CHARACTERS:
        return [f"Use at least {_LEAST_DIFFERENT_CHARACTERS} different characters in the password."]
    if password.lower() in (email, email.partition("@")[0]):
        return ["Use a password that is not your e-mail."]
    return []


async def _hash(password: str) -> str:
    return await _HASHERS.run(partial(_HASHER.hash, password))


async def _verify(password_hash: str | None, password: str) -> bool:
    cut = password[: MAX_PASSWORD_CHARACTERS + 1]
    return await _HASHERS.run(partial(_is_right, password_hash, cut))


def _is_right(password_hash: str | None, password: str) -> bool:
    try:
        return _HASHER.verify(password_hash or _nobodys_hash(), password)
    except (VerifyMismatchError, InvalidHashError):
        return False


@lru_cache(maxsize=1)
def _nobodys_hash() -> str:
    return _HASHER.hash("nobody has this password")


_COUNT: Final = text("select count(*) from users where disabled_at is null")
