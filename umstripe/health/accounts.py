"""Check whether everybody can log in: names that read the same, and passwords that cannot be checked."""

from __future__ import annotations

from collections.abc import Iterator

from umstripe.health.check import ERROR, WARNING, Check
from umstripe.models import Role, User, password_schemes


def account_checks() -> Iterator[Check]:
    """Yield only problems: a site without data of an earlier version has none."""
    if users := User.with_key_set_apart():
        addresses = ", ".join(user.email for user in users[:5])
        message = f"Other users have had an address that reads the same for longer than these: {addresses}."
        advice = "Everybody can log in with their very spelling. Change one address of each pair under Users."
        yield Check("Addresses that read the same", WARNING, message, advice)
    if roles := Role.with_key_set_apart():
        message = f"There is another role that reads the same as each of these: {', '.join(role.name for role in roles)}."
        yield Check("Roles that read the same", WARNING, message, "Rename one of each pair under User Roles.")
    if password_schemes.salt_is_unreadable() and (count := User.count_earlier_hashes()):
        message = f"The passwords of {count} {'user' if count == 1 else 'users'} cannot be checked without a key that is missing."
        advice = "Give back the encryption key of before, or put the secret key of before behind the present one in "
        advice += "UMSTRIPE_SECRET_KEY. Or these users ask for a new password."
        yield Check("Passwords", ERROR, message, advice)
