"""What catch-up, audit, the clone lock and a change of the signing secret need."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

KINDS = ("import", "catch_up", "audit", "repair")
IMPORT = ("import_state", "import_seen", "import_error", "import_at")
JOB = sa.table(
    "job",
    *(sa.column(name, sa.String) for name in ("mode", "kind", "state", "error")),
    *(sa.column(name, sa.Integer) for name in ("seen", "found")),
    sa.column("at", sa.DateTime),
)
CONNECTION = sa.table(
    "connection",
    *(sa.column(name, sa.String) for name in ("mode", "import_state", "import_error")),
    sa.column("import_seen", sa.Integer),
    sa.column("import_at", sa.DateTime),
)


def upgrade():
    _jobs()
    with op.batch_alter_table("connection") as table:
        for name in IMPORT:
            table.drop_column(name)
        table.add_column(sa.Column("previous_secret", sa.String(1000)))
        table.add_column(sa.Column("previous_secret_until", sa.DateTime()))
        table.add_column(sa.Column("events_read_until", sa.BigInteger()))
        table.add_column(sa.Column("endpoint_check", sa.JSON(), nullable=False, server_default="{}"))
        table.add_column(sa.Column("silence_told_at", sa.DateTime()))
    with op.batch_alter_table("settings") as table:
        table.add_column(sa.Column("keep_bodies_days", sa.Integer(), nullable=False, server_default="30"))
        table.add_column(sa.Column("home", sa.JSON()))
        table.add_column(sa.Column("worker_seen_at", sa.DateTime()))
    with op.batch_alter_table("delivery") as table:
        table.add_column(sa.Column("stripe_customer_id", sa.String(255), nullable=False, server_default=""))
        table.add_column(sa.Column("arrived", sa.Boolean(), nullable=False, server_default=sa.true()))
    op.create_index("ix_delivery_mode_created", "delivery", ["mode", "created"])
    op.create_index("ix_delivery_stripe_customer_id", "delivery", ["stripe_customer_id"])
    for name in ("subscription", "customer"):
        with op.batch_alter_table(name) as table:
            table.add_column(sa.Column("audited", sa.BigInteger(), nullable=False, server_default="0"))
    _differences()


def _jobs():
    """How far background work is: what the connections said of the import moves here."""
    op.create_table(
        "job",
        sa.Column("mode", sa.String(4), nullable=False),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("seen", sa.Integer(), nullable=False),
        sa.Column("found", sa.Integer(), nullable=False),
        sa.Column("error", sa.String(1000), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("mode", "kind", name=op.f("pk_job")),
    )
    empty = {"state": "", "seen": 0, "found": 0, "error": "", "at": None}
    ids = [{"mode": mode, "kind": kind} for mode in ("test", "live") for kind in KINDS]
    op.bulk_insert(JOB, [{**one, **empty} for one in ids])
    for name in IMPORT:
        told = sa.select(CONNECTION.c[name]).where(CONNECTION.c.mode == JOB.c.mode).scalar_subquery()
        op.execute(sa.update(JOB).where(JOB.c.kind == "import").values({name[7:]: told}))


def _differences():
    op.create_table(
        "difference",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("mode", sa.String(4), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("stripe_object_id", sa.String(255), nullable=False),
        sa.Column("stripe_customer_id", sa.String(255), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=True),
        sa.Column("here", sa.String(300), nullable=False),
        sa.Column("there", sa.String(300), nullable=False),
        sa.Column("roles", sa.JSON(), nullable=False),
        sa.Column("found_at", sa.DateTime(), nullable=False),
        sa.Column("error", sa.String(1000), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["user.id"], name=op.f("fk_difference_user_id_user"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_difference")),
    )
    op.create_index("ix_difference_mode", "difference", ["mode"])
    op.create_index(op.f("ix_difference_user_id"), "difference", ["user_id"])


def downgrade():
    op.drop_table("difference")
    for name in ("subscription", "customer"):
        with op.batch_alter_table(name) as table:
            table.drop_column("audited")
    op.drop_index("ix_delivery_stripe_customer_id", "delivery")
    op.drop_index("ix_delivery_mode_created", "delivery")
    with op.batch_alter_table("delivery") as table:
        table.drop_column("arrived")
        table.drop_column("stripe_customer_id")
    with op.batch_alter_table("settings") as table:
        for name in ("worker_seen_at", "home", "keep_bodies_days"):
            table.drop_column(name)
    with op.batch_alter_table("connection") as table:
        for name in (
            "silence_told_at",
            "endpoint_check",
            "events_read_until",
            "previous_secret_until",
            "previous_secret",
        ):
            table.drop_column(name)
        table.add_column(sa.Column("import_state", sa.String(10), nullable=False, server_default=""))
        table.add_column(sa.Column("import_seen", sa.Integer(), nullable=False, server_default="0"))
        table.add_column(sa.Column("import_error", sa.String(1000), nullable=False, server_default=""))
        table.add_column(sa.Column("import_at", sa.DateTime()))
    op.drop_table("job")
