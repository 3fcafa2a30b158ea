"""Disputes of payments, the payment that a delivery's dispute is about, and the cards that have had a trial."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade():
    op.add_column(
        "delivery", sa.Column("stripe_payment_id", sa.String(255), nullable=False, server_default="")
    )
    op.create_index("ix_delivery_stripe_payment_id", "delivery", ["stripe_payment_id"])
    _disputes()
    op.add_column(
        "settings", sa.Column("one_trial_per_card", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.create_table(
        "trial_card",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("mode", sa.String(4), nullable=False),
        sa.Column("stripe_subscription_id", sa.String(255), nullable=False),
        sa.Column("user_id", sa.Integer()),
        sa.Column("card", sa.String(64), nullable=False),
        sa.Column("outcome", sa.String(10), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["user.id"], name=op.f("fk_trial_card_user_id_user"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_trial_card")),
        sa.UniqueConstraint(
            "mode", "stripe_subscription_id", name=op.f("uq_trial_card_mode_stripe_subscription_id")
        ),
    )
    op.create_index(op.f("ix_trial_card_user_id"), "trial_card", ["user_id"])
    op.create_index("ix_trial_card_mode_card", "trial_card", ["mode", "card"])


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
    op.drop_table("trial_card")
    with op.batch_alter_table("settings") as table:
        table.drop_column("one_trial_per_card")
    op.drop_table("dispute")
    op.drop_index("ix_delivery_stripe_payment_id", "delivery")
    with op.batch_alter_table("delivery") as table:
        table.drop_column("stripe_payment_id")
