"""Normal forms of what is compared and searched, in columns of their own; the key that passwords were hashed with.

Two users or roles that are equal in the normal form can be there already: lower() of the database kept them apart. Both
stay and go on working. The older one gets the key; the newer one's has its id behind it, is found by its very spelling,
and is reported here and on the health page until somebody changes it.

A downgrade cannot turn hashes of this version into earlier ones: who logged in since the upgrade needs a new password.
"""

import logging
from collections.abc import Callable, Iterator, Sequence

import sqlalchemy as sa
from alembic import op
from flask import current_app

from umstripe.normalization import email_key, name_key, search_key

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

ROWS_AT_ONCE = 1000
KEYS: dict[str, dict[str, tuple[Callable[[str], str], str]]] = {
    "user": {"username_key": (name_key, "username"), "email_key": (email_key, "email")},
    "role": {"name_key": (name_key, "name")},
}
SEARCHED: dict[str, dict[str, tuple[str, ...]]] = {
    "user": {"search_key": ("username", "email", "name")},
    "plan": {"title_key": ("own_title",)},
    "product": {"name_key": ("name",)},
    "price": {"nickname_key": ("nickname",)},
    "activity": {"search_key": ("description",)},
    "mail": {"search_key": ("address", "subject")},
}
LOWER_INDEXES = {"uq_user_email": "email", "uq_user_username": "username", "uq_role_name": "name"}


def upgrade():
    for name, column in LOWER_INDEXES.items():
        op.drop_index(name, "role" if column == "name" else "user")
    for table, columns in SEARCHED.items():
        for name in columns:
            op.add_column(table, sa.Column(name, sa.Text(), nullable=False, server_default=""))
        _fill_searched(table, columns)
    for table, keys in KEYS.items():
        for name in keys:
            op.add_column(table, sa.Column(name, sa.String(255)))
        _fill_keys(table, keys)
        with op.batch_alter_table(table) as batch:
            for name in keys:
                batch.alter_column(name, existing_type=sa.String(255), nullable=False)
                batch.create_unique_constraint(op.f(f"uq_{table}_{name}"), [name])
    op.add_column("settings", sa.Column("password_salt", sa.String(4000)))
    _keep_password_salt()


def downgrade():
    op.drop_column("settings", "password_salt")
    for table, keys in KEYS.items():
        with op.batch_alter_table(table) as batch:
            for name in keys:
                batch.drop_constraint(op.f(f"uq_{table}_{name}"), type_="unique")
                batch.drop_column(name)
    for table, columns in SEARCHED.items():
        with op.batch_alter_table(table) as batch:
            for name in columns:
                batch.drop_column(name)
    for name, column in LOWER_INDEXES.items():
        table = "role" if column == "name" else "user"
        op.create_index(name, table, [sa.text(f"lower({column})")], unique=True)


def _keep_password_salt():
    """Passwords that are there were hashed with the secret key; encrypted, so that a dump tells nobody what it was."""
    bind = op.get_bind()
    stored = [_stored("user", "password"), _stored("plan", "password_hash")]
    if not any(bind.execute(query.limit(1)).first() for query in stored):
        return
    keys = [current_app.config["SECRET_KEY"], *(current_app.config["SECRET_KEY_FALLBACKS"] or [])]
    kept = current_app.extensions["fernet"].encrypt("\n".join(keys).encode()).decode()
    bind.execute(sa.update(sa.table("settings", sa.column("password_salt"))).values(password_salt=kept))


def _stored(table: str, column: str) -> sa.Select:
    return sa.select(sa.literal(1)).select_from(sa.table(table)).where(sa.column(column).is_not(None))


def _fill_searched(name: str, columns: dict[str, tuple[str, ...]]):
    for key, sources in columns.items():
        table = _table(name, key, *sources)
        for rows in _batches(table, sources):
            _write(
                table,
                key,
                [(row.id, search_key(*(getattr(row, source) for source in sources))) for row in rows],
            )


def _fill_keys(name: str, keys: dict[str, tuple[Callable[[str], str], str]]):
    for key, (make, source) in keys.items():
        table = _table(name, key, source)
        taken: dict[str, tuple[str, int]] = {}
        for rows in _batches(table, (source,)):
            values = []
            for row in rows:
                text = getattr(row, source)
                wanted = make(text)
                if wanted in taken:
                    _report(name, source, text, row.id, *taken[wanted])
                    values.append((row.id, f"{wanted[:240]}#{row.id}"))
                else:
                    taken[wanted] = (text, row.id)
                    values.append((row.id, wanted))
            _write(table, key, values)


def _report(table: str, column: str, text: str, row_id: int, other: str, other_id: int):
    logging.getLogger("umstripe.migrations").warning(
        "The %s of %s %s, %r, reads the same as that of %s %s, %r. Both stay; change one of them.",
        column, table, row_id, text, table, other_id, other,
    )  # fmt: skip


def _batches(table: sa.TableClause, sources: tuple[str, ...]) -> Iterator[Sequence[sa.Row]]:
    """The rows, oldest first, so that a large log is never in memory as a whole."""
    last, bind = 0, op.get_bind()
    query = (
        sa.select(table.c.id, *(table.c[source] for source in sources))
        .order_by(table.c.id)
        .limit(ROWS_AT_ONCE)
    )
    while rows := bind.execute(query.where(table.c.id > last)).all():
        yield rows
        last = rows[-1].id


def _write(table: sa.TableClause, key: str, values: list[tuple[int, str]]):
    update = sa.update(table).where(table.c.id == sa.bindparam("row_id")).values({key: sa.bindparam("value")})
    op.get_bind().execute(update, [{"row_id": row_id, "value": value} for row_id, value in values])


def _table(name: str, *columns: str) -> sa.TableClause:
    return sa.table(name, sa.column("id", sa.Integer), *(sa.column(column, sa.String) for column in columns))
