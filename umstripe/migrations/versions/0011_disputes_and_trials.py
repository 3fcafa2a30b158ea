"""Disputes of payments, the payment that a delivery's dispute is about, and the cards that have had a trial."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade():
    op.add_column(
        "delivery", sa.Column("stripe_payment_id", sa.String(255), nullable=False, server_default="")
    )
    op.create_index("ix_delivery_stripe_payment_id", "delivery", ["stripe_payment_id"])
    _disputes()


def _disputes():
    op.create_table(
        "dispute",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("mode", sa.String(4), nullable=False),
        sa.Column("stripe_dispute_id", sa.String(255), nullable=False),
        sa.Column("stripe_payment_id", sa.String(255), nullable=False),
        sa.Column("customer_id", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(255), nullable=False),
        sa.Column("reason", sa.String(255), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("due_by", sa.BigInteger()),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("as_of", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customer.id"], name=op.f("fk_dispute_customer_id_customer")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dispute")),
        sa.UniqueConstraint("mode", "stripe_dispute_id", name=op.f("uq_dispute_mode_stripe_dispute_id")),
    )
    op.create_index(op.f("ix_dispute_customer_id"), "dispute", ["customer_id"])
    op.create_index("ix_dispute_mode_stripe_payment_id", "dispute", ["mode", "stripe_payment_id"])
    op.create_index("ix_dispute_mode_status", "dispute", ["mode", "status"])


def downgrade():
    op.drop_table("dispute")
    op.drop_index("ix_delivery_stripe_payment_id", "delivery")
    with op.batch_alter_table("delivery") as table:
        table.drop_column("stripe_payment_id")
