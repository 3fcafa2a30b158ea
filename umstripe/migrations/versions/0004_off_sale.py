"""Since when a plan is not for sale: until its last open payment page has ended, it is not deleted."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade():
    op.add_column("plan", sa.Column("off_sale_since", sa.DateTime()))


def downgrade():
    op.drop_column("plan", "off_sale_since")
