"""One heartbeat for each worker, and when an outage of all of them was reported."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

settings = sa.table("settings", sa.column("worker_seen_at", sa.DateTime()))
heartbeat = sa.table(
    "worker_heartbeat", sa.column("executor_id", sa.String()), sa.column("seen_at", sa.DateTime())
)


def upgrade():
    op.create_table(
        "worker_heartbeat",
        sa.Column("executor_id", sa.String(255), nullable=False),
        sa.Column("seen_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("executor_id", name=op.f("pk_worker_heartbeat")),
    )
    seen = sa.select(sa.literal("an earlier version"), settings.c.worker_seen_at)
    seen = seen.where(settings.c.worker_seen_at.is_not(None))
    op.execute(heartbeat.insert().from_select(["executor_id", "seen_at"], seen))
    with op.batch_alter_table("settings") as table:
        table.drop_column("worker_seen_at")
        table.add_column(sa.Column("worker_outage_at", sa.DateTime()))


def downgrade():
    with op.batch_alter_table("settings") as table:
        table.drop_column("worker_outage_at")
        table.add_column(sa.Column("worker_seen_at", sa.DateTime()))
    latest = sa.select(sa.func.max(heartbeat.c.seen_at)).scalar_subquery()
    op.execute(settings.update().values(worker_seen_at=latest))
    op.drop_table("worker_heartbeat")
