"""Whether everybody can log in: names that read the same, and passwords that cannot be checked."""

from __future__ import annotations

from collections.abc import Iterator

from umstripe.health.check import TROUBLE, WARNING, Check
from umstripe.models import Role, User, password_schemes


def account_checks() -> Iterator[Check]:
    """Only what is wrong: a site without an earlier version's data has nothing to say."""
    if users := User.with_key_set_apart():
        addresses = ", ".join(user.email for user in users[:5])
        says = f"Other users have had an address that reads the same for longer than these: {addresses}."
        do = "Everybody can log in with their very spelling. Change one address of each pair under Users."
        yield Check("Addresses that read the same", WARNING, says, do)
    if roles := Role.with_key_set_apart():
        says = f"There is another role that reads the same as each of these: {', '.join(role.name for role in roles)}."
        yield Check("Roles that read the same", WARNING, says, "Rename one of each pair under User Roles.")
    if password_schemes.salt_is_unreadable() and (count := User.count_earlier_hashes()):
        says = f"The passwords of {count} {'user' if count == 1 else 'users'} cannot be checked without a key that is missing."
        do = "Give back the encryption key of before, or put the secret key of before behind the present one in "
        do += "UMSTRIPE_SECRET_KEY. Or these users ask for a new password."
        yield Check("Passwords", TROUBLE, says, do)
