"""The site's own address. A site that is connected with Stripe has one already: where its deliveries come."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

CONNECTION = sa.table("connection", sa.column("mode", sa.String), sa.column("endpoint_url", sa.String))
SETTINGS = sa.table("settings", sa.column("site_url", sa.String))


def upgrade():
    op.add_column("settings", sa.Column("site_url", sa.String(255), nullable=False, server_default=""))
    known = sa.select(CONNECTION.c.endpoint_url).where(CONNECTION.c.endpoint_url != "")
    for url in op.get_bind().execute(known.order_by(CONNECTION.c.mode)).scalars().all()[:1]:
        address = url.partition("/webhooks/")[0][:255]
        op.execute(SETTINGS.update().values(site_url=address))


def downgrade():
    op.drop_column("settings", "site_url")
