"""Names that say what they hold: `user.pending_plan_key` and the table `text_override`."""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade():
    op.alter_column("user", "wanted", new_column_name="pending_plan_key")
    _rename_table("wording", "text_override")


def downgrade():
    _rename_table("text_override", "wording")
    op.alter_column("user", "pending_plan_key", new_column_name="wanted")


def _rename_table(name, new_name):
    op.rename_table(name, new_name)
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"ALTER INDEX pk_{name} RENAME TO pk_{new_name}")
