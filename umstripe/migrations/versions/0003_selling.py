"""What selling needs: the rest of a plan, trials and refunds, mails, texts, portal configurations."""

import secrets

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

PLAN = sa.table("plan", sa.column("id", sa.Integer), sa.column("short_key", sa.String))
SETTINGS = {
    "register_without_plan": sa.true(),
    "billing_email_field": sa.false(),
    "automatic_tax": sa.false(),
    "billing_address": sa.false(),
    "one_trial": sa.true(),
    "cancel_allowed": sa.true(),
    "pause_allowed": sa.false(),
}


def upgrade():
    _plans()
    with op.batch_alter_table("settings") as table:
        for name, default in SETTINGS.items():
            table.add_column(sa.Column(name, sa.Boolean(), nullable=False, server_default=default))
        table.add_column(sa.Column("register_field", sa.String(10), nullable=False, server_default="several"))
    with op.batch_alter_table("user") as table:
        table.add_column(sa.Column("billing_email", sa.String(255), nullable=False, server_default=""))
    with op.batch_alter_table("subscription") as table:
        table.add_column(sa.Column("trial_end", sa.BigInteger()))
        table.add_column(
            sa.Column(
                "collection_method", sa.String(25), nullable=False, server_default="charge_automatically"
            )
        )
    with op.batch_alter_table("purchase") as table:
        table.add_column(sa.Column("amount_refunded", sa.BigInteger(), nullable=False, server_default="0"))
        table.add_column(sa.Column("capture_before", sa.BigInteger()))
    for name in ("subscription", "purchase"):
        op.create_index(f"ix_{name}_mode_stripe_price_id", name, ["mode", "stripe_price_id"])
    _tables()


def _plans():
    with op.batch_alter_table("plan") as table:
        table.add_column(sa.Column("short_key", sa.String(10)))
        table.add_column(sa.Column("imported", sa.Boolean(), nullable=False, server_default=sa.true()))
        table.add_column(sa.Column("description", sa.Text(), nullable=False, server_default=""))
        table.add_column(sa.Column("status", sa.String(10), nullable=False, server_default="published"))
        table.add_column(sa.Column("visibility", sa.String(10), nullable=False, server_default="public"))
        table.add_column(sa.Column("password_hash", sa.String(255)))
        table.add_column(sa.Column("published_at", sa.DateTime()))
        table.add_column(sa.Column("trial_days", sa.Integer()))
        table.add_column(
            sa.Column("promotion_codes", sa.Boolean(), nullable=False, server_default=sa.false())
        )
        table.add_column(sa.Column("approval", sa.Boolean(), nullable=False, server_default=sa.false()))
        table.add_column(sa.Column("duration_count", sa.Integer()))
        table.add_column(sa.Column("duration_unit", sa.String(5), nullable=False, server_default=""))
    bind = op.get_bind()
    for plan_id in bind.execute(sa.select(PLAN.c.id)).scalars().all():
        new = sa.update(PLAN).where(PLAN.c.id == plan_id).values(short_key=secrets.token_hex(5))
        bind.execute(new)
    with op.batch_alter_table("plan") as table:
        table.alter_column("short_key", existing_type=sa.String(10), nullable=False)
        table.create_unique_constraint(op.f("uq_plan_short_key"), ["short_key"])
    op.create_table(
        "plan_switch_price",
        sa.Column("plan_id", sa.Integer(), nullable=False),
        sa.Column("price_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["plan_id"], ["plan.id"], name=op.f("fk_plan_switch_price_plan_id_plan"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["price_id"], ["price.id"], name=op.f("fk_plan_switch_price_price_id_price")),
        sa.PrimaryKeyConstraint("plan_id", "price_id", name=op.f("pk_plan_switch_price")),
    )
    op.create_index(op.f("ix_plan_switch_price_price_id"), "plan_switch_price", ["price_id"])


def _tables():
    op.create_table(
        "mail",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(30), nullable=False),
        sa.Column("about", sa.String(255), nullable=False),
        sa.Column("user_id", sa.Integer()),
        sa.Column("address", sa.String(255), nullable=False),
        sa.Column("given", sa.JSON(), nullable=False),
        sa.Column("subject", sa.String(300), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("html", sa.Text(), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("error", sa.String(1000), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("tried_at", sa.DateTime()),
        sa.Column("sent_at", sa.DateTime()),
        sa.ForeignKeyConstraint(
            ["user_id"], ["user.id"], name=op.f("fk_mail_user_id_user"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mail")),
        sa.UniqueConstraint("kind", "about", name=op.f("uq_mail_kind_about")),
    )
    op.create_index("ix_mail_state", "mail", ["state"])
    op.create_index(op.f("ix_mail_user_id"), "mail", ["user_id"])
    op.create_table(
        "wording",
        sa.Column("name", sa.String(40), nullable=False),
        sa.Column("title", sa.String(300), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_wording")),
    )
    op.create_table(
        "portal_configuration",
        sa.Column("mode", sa.String(4), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("stripe_configuration_id", sa.String(255), nullable=False),
        sa.PrimaryKeyConstraint("mode", "digest", name=op.f("pk_portal_configuration")),
    )


def downgrade():
    for name in ("portal_configuration", "wording", "mail", "plan_switch_price"):
        op.drop_table(name)
    for name in ("purchase", "subscription"):
        op.drop_index(f"ix_{name}_mode_stripe_price_id", name)
    with op.batch_alter_table("plan") as table:
        table.drop_constraint(op.f("uq_plan_short_key"), type_="unique")
        for name in ("duration_unit", "duration_count", "approval", "promotion_codes", "trial_days"):
            table.drop_column(name)
        for name in ("published_at", "password_hash", "visibility", "status", "description"):
            table.drop_column(name)
        for name in ("imported", "short_key"):
            table.drop_column(name)
    with op.batch_alter_table("purchase") as table:
        table.drop_column("capture_before")
        table.drop_column("amount_refunded")
    with op.batch_alter_table("subscription") as table:
        table.drop_column("collection_method")
        table.drop_column("trial_end")
    # Not in a batch: SQLite would make the table anew, without its unique indexes over lower(…).
    op.drop_column("user", "billing_email")
    with op.batch_alter_table("settings") as table:
        table.drop_column("register_field")
        for name in SETTINGS:
            table.drop_column(name)
