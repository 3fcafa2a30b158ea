"""The first tables."""

import secrets

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade():
    op.create_table(
        "connection",
        sa.Column("mode", sa.String(length=4), nullable=False),
        sa.Column("publishable_key", sa.String(length=1000), nullable=True),
        sa.Column("secret_key", sa.String(length=1000), nullable=True),
        sa.Column("connected_at", sa.DateTime(), nullable=True),
        sa.Column("account_name", sa.String(length=255), nullable=False),
        sa.Column("rights", sa.JSON(), nullable=False),
        sa.Column("stripe_endpoint_id", sa.String(length=255), nullable=True),
        sa.Column("endpoint_url", sa.String(length=500), nullable=False),
        sa.Column("endpoint_secret", sa.String(length=1000), nullable=True),
        sa.Column("endpoint_problem", sa.String(length=1000), nullable=False),
        sa.Column("endpoints_made", sa.Integer(), nullable=False),
        sa.Column("busy_until", sa.DateTime(), nullable=True),
        sa.Column("import_state", sa.String(length=10), nullable=False),
        sa.Column("import_seen", sa.Integer(), nullable=False),
        sa.Column("import_error", sa.String(length=1000), nullable=False),
        sa.Column("import_at", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("mode", name=op.f("pk_connection")),
    )
    op.create_table(
        "delivery",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("mode", sa.String(length=4), nullable=False),
        sa.Column("stripe_event_id", sa.String(length=255), nullable=False),
        sa.Column("type", sa.String(length=100), nullable=False),
        sa.Column("stripe_object_id", sa.String(length=255), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("received_at", sa.DateTime(), nullable=False),
        sa.Column("result", sa.String(length=10), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery")),
        sa.UniqueConstraint("mode", "stripe_event_id", name=op.f("uq_delivery_mode_stripe_event_id")),
    )
    op.create_index("ix_delivery_mode_result", "delivery", ["mode", "result"], unique=False)

    op.create_table(
        "price",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("mode", sa.String(length=4), nullable=False),
        sa.Column("stripe_price_id", sa.String(length=255), nullable=False),
        sa.Column("stripe_product_id", sa.String(length=255), nullable=False),
        sa.Column("nickname", sa.String(length=5000), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("unit_amount", sa.BigInteger(), nullable=True),
        sa.Column("type", sa.String(length=10), nullable=False),
        sa.Column("interval", sa.String(length=5), nullable=False),
        sa.Column("interval_count", sa.Integer(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("deleted", sa.Boolean(), nullable=False),
        sa.Column("skipped", sa.String(length=200), nullable=False),
        sa.Column("as_of", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_price")),
        sa.UniqueConstraint("mode", "stripe_price_id", name=op.f("uq_price_mode_stripe_price_id")),
    )
    op.create_index("ix_price_mode_stripe_product_id", "price", ["mode", "stripe_product_id"], unique=False)

    op.create_table(
        "product",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("mode", sa.String(length=4), nullable=False),
        sa.Column("stripe_product_id", sa.String(length=255), nullable=False),
        sa.Column("name", sa.String(length=5000), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("as_of", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_product")),
        sa.UniqueConstraint("mode", "stripe_product_id", name=op.f("uq_product_mode_stripe_product_id")),
    )
    op.create_table(
        "refusal",
        sa.Column("mode", sa.String(length=4), nullable=False),
        sa.Column("reason", sa.String(length=20), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("last_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("mode", "reason", name=op.f("pk_refusal")),
    )
    op.create_table(
        "role",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("is_administrator", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_role")),
    )
    op.create_table(
        "user",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sa.String(length=32), nullable=False),
        sa.Column("username", sa.String(length=60), nullable=False),
        sa.Column("email", sa.String(length=255), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("password", sa.String(length=255), nullable=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("fs_uniquifier", sa.String(length=64), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(), nullable=True),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user")),
        sa.UniqueConstraint("fs_uniquifier", name=op.f("uq_user_fs_uniquifier")),
        sa.UniqueConstraint("public_id", name=op.f("uq_user_public_id")),
    )
    op.create_table(
        "activity",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("action", sa.String(length=60), nullable=False),
        sa.Column("trigger", sa.String(length=10), nullable=False),
        sa.Column("mode", sa.String(length=4), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=True),
        sa.Column("by_id", sa.Integer(), nullable=True),
        sa.Column("page", sa.String(length=200), nullable=False),
        sa.Column("address", sa.String(length=45), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["by_id"], ["user.id"], name=op.f("fk_activity_by_id_user"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["user.id"], name=op.f("fk_activity_user_id_user"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_activity")),
    )
    op.create_index(op.f("ix_activity_action"), "activity", ["action"], unique=False)
    op.create_index(op.f("ix_activity_user_id"), "activity", ["user_id"], unique=False)

    op.create_table(
        "customer",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("mode", sa.String(length=4), nullable=False),
        sa.Column("stripe_customer_id", sa.String(length=255), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("deleted", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_customer_user_id_user")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_customer")),
        sa.UniqueConstraint("mode", "stripe_customer_id", name=op.f("uq_customer_mode_stripe_customer_id")),
    )
    op.create_index(op.f("ix_customer_user_id"), "customer", ["user_id"], unique=False)

    op.create_table(
        "manual_role",
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("role_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["role_id"], ["role.id"], name=op.f("fk_manual_role_role_id_role")),
        sa.ForeignKeyConstraint(
            ["user_id"], ["user.id"], name=op.f("fk_manual_role_user_id_user"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("user_id", "role_id", name=op.f("pk_manual_role")),
    )
    op.create_index(op.f("ix_manual_role_role_id"), "manual_role", ["role_id"], unique=False)

    op.create_table(
        "plan",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=32), nullable=False),
        sa.Column("price_id", sa.Integer(), nullable=False),
        sa.Column("own_title", sa.String(length=200), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["price_id"], ["price.id"], name=op.f("fk_plan_price_id_price")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plan")),
        sa.UniqueConstraint("key", name=op.f("uq_plan_key")),
        sa.UniqueConstraint("price_id", name=op.f("uq_plan_price_id")),
    )
    op.create_table(
        "settings",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("instance_id", sa.String(length=32), nullable=False),
        sa.Column("site_name", sa.String(length=80), nullable=False),
        sa.Column("sandbox", sa.Boolean(), nullable=False),
        sa.Column("replace_roles", sa.Boolean(), nullable=False),
        sa.Column("test_clock", sa.Boolean(), nullable=False),
        sa.Column("test_clock_id", sa.String(length=255), nullable=False),
        sa.Column("activity_off", sa.Boolean(), nullable=False),
        sa.Column("embedded_checkout", sa.Boolean(), nullable=False),
        sa.Column("collection_method_choice", sa.Boolean(), nullable=False),
        sa.Column("default_role_id", sa.Integer(), nullable=False),
        sa.Column("setup_token_hash", sa.String(length=64), nullable=True),
        sa.ForeignKeyConstraint(
            ["default_role_id"], ["role.id"], name=op.f("fk_settings_default_role_id_role")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_settings")),
    )
    op.create_table(
        "plan_role",
        sa.Column("plan_id", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("role_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["plan_id"], ["plan.id"], name=op.f("fk_plan_role_plan_id_plan"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["role_id"], ["role.id"], name=op.f("fk_plan_role_role_id_role")),
        sa.PrimaryKeyConstraint("plan_id", "status", name=op.f("pk_plan_role")),
    )
    op.create_index(op.f("ix_plan_role_role_id"), "plan_role", ["role_id"], unique=False)

    op.create_table(
        "purchase",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("mode", sa.String(length=4), nullable=False),
        sa.Column("stripe_payment_intent_id", sa.String(length=255), nullable=False),
        sa.Column("customer_id", sa.Integer(), nullable=False),
        sa.Column("stripe_price_id", sa.String(length=255), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("charged_at", sa.BigInteger(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("ends_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customer.id"], name=op.f("fk_purchase_customer_id_customer")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_purchase")),
        sa.UniqueConstraint(
            "mode", "stripe_payment_intent_id", name=op.f("uq_purchase_mode_stripe_payment_intent_id")
        ),
    )
    op.create_index(op.f("ix_purchase_customer_id"), "purchase", ["customer_id"], unique=False)

    op.create_table(
        "subscription",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("mode", sa.String(length=4), nullable=False),
        sa.Column("stripe_subscription_id", sa.String(length=255), nullable=False),
        sa.Column("customer_id", sa.Integer(), nullable=False),
        sa.Column("stripe_price_id", sa.String(length=255), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("current_period_end", sa.BigInteger(), nullable=True),
        sa.Column("cancel_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("as_of", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customer.id"], name=op.f("fk_subscription_customer_id_customer")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subscription")),
        sa.UniqueConstraint(
            "mode", "stripe_subscription_id", name=op.f("uq_subscription_mode_stripe_subscription_id")
        ),
    )
    op.create_index(op.f("ix_subscription_customer_id"), "subscription", ["customer_id"], unique=False)
    for table, column in (("role", "name"), ("user", "email"), ("user", "username")):
        op.create_index(f"uq_{table}_{column}", table, [sa.text(f"lower({column})")], unique=True)
    _first_rows()


def _first_rows():
    """The two roles that every site has, its settings, and a connection for each mode."""
    roles = [(1, "Administrator", True), (2, "Subscriber", False)]
    op.bulk_insert(
        _rows_of("role", id=sa.Integer, name=sa.String, is_administrator=sa.Boolean),
        [dict(zip(("id", "name", "is_administrator"), one, strict=True)) for one in roles],
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute("SELECT setval(pg_get_serial_sequence('role', 'id'), 2)")
    settings = {"id": 1, "instance_id": secrets.token_hex(16), "site_name": "Member Site", "sandbox": True}
    off = ("replace_roles", "test_clock", "activity_off", "embedded_checkout", "collection_method_choice")
    settings |= dict.fromkeys(off, False) | {"test_clock_id": "", "default_role_id": 2}
    columns: dict = dict.fromkeys(("sandbox", *off), sa.Boolean) | {
        "id": sa.Integer,
        "default_role_id": sa.Integer,
    }
    columns |= dict.fromkeys(("instance_id", "site_name", "test_clock_id"), sa.String)
    op.bulk_insert(_rows_of("settings", **columns), [settings])
    empty = {
        "account_name": "",
        "rights": {},
        "endpoint_url": "",
        "endpoint_problem": "",
        "endpoints_made": 0,
    }
    empty |= {"import_state": "", "import_seen": 0, "import_error": ""}
    connection: dict = dict.fromkeys(("mode", *empty), sa.String) | {"rights": sa.JSON}
    connection |= dict.fromkeys(("endpoints_made", "import_seen"), sa.Integer)
    op.bulk_insert(
        _rows_of("connection", **connection), [{"mode": mode, **empty} for mode in ("test", "live")]
    )


def _rows_of(table, **columns):
    return sa.table(table, *(sa.column(name, kind) for name, kind in columns.items()))


def downgrade():
    for table in (
        "subscription",
        "purchase",
        "plan_role",
        "settings",
        "plan",
        "manual_role",
        "customer",
        "activity",
        "user",
        "role",
        "refusal",
        "product",
        "price",
        "delivery",
        "connection",
    ):
        op.drop_table(table)
