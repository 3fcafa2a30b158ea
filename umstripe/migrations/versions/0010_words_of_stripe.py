"""Longer columns for Stripe's words, and the account that the keys are of."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

WIDER = {
    "activity": {"action": 60},
    "delivery": {"type": 100},
    "price": {"currency": 3, "type": 10, "interval": 5},
    "purchase": {"currency": 3},
    "subscription": {"status": 20, "collection_method": 25},
}
WITHOUT_LIMIT = {"connection": {"account_name": 255}, "price": {"nickname": 5000}, "product": {"name": 5000}}


def upgrade():
    _alter(WIDER, lambda width: (sa.String(width), sa.String(255)))
    _alter(WITHOUT_LIMIT, lambda width: (sa.String(width), sa.Text()))
    op.add_column(
        "connection", sa.Column("stripe_account_id", sa.String(255), nullable=False, server_default="")
    )


def downgrade():
    """What has become too long for its column is cut; an event that cannot be used was not applied: it failed."""
    op.drop_column("connection", "stripe_account_id")
    op.execute("UPDATE delivery SET result = 'failed' WHERE result = 'unusable'")
    for tables in (WIDER, WITHOUT_LIMIT):
        for table, columns in tables.items():
            for column, width in columns.items():
                cut = f'UPDATE "{table}" SET "{column}" = substr("{column}", 1, {width})'
                op.execute(f'{cut} WHERE length("{column}") > {width}')
    _alter(WIDER, lambda width: (sa.String(255), sa.String(width)))
    _alter(WITHOUT_LIMIT, lambda width: (sa.Text(), sa.String(width)))


def _alter(tables, types):
    for table, columns in tables.items():
        with op.batch_alter_table(table) as batch:
            for column, width in columns.items():
                before, after = types(width)
                batch.alter_column(column, existing_type=before, type_=after, existing_nullable=False)
