"""Which plan somebody went to pay, so that an order that was not paid can be gone on with."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade():
    op.add_column("user", sa.Column("wanted", sa.String(10), nullable=False, server_default=""))


def downgrade():
    op.drop_column("user", "wanted")
