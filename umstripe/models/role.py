from __future__ import annotations

from flask_security import RoleMixin
from sqlalchemy import Select, String, func, select
from sqlalchemy.orm import Mapped, mapped_column

from umstripe.database import Model, db
from umstripe.errors import NotAllowed
from umstripe.models.normalized_columns import is_set_apart, key_column
from umstripe.normalization import name_key


class Role(Model, RoleMixin):
    """What a user may have: given by an admin (manual), or by a plan for a status."""

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(80))
    name_key: Mapped[str] = key_column(name_key, "name", unique=True)
    is_administrator: Mapped[bool] = mapped_column(default=False)

    @classmethod
    def named(cls, name: str) -> Role | None:
        """Return the role of this name, in any case and Unicode form."""
        return db.session.scalar(select(cls).where(cls.name_key == name_key(name)))

    @classmethod
    def with_key_set_apart(cls) -> list[Role]:
        """Return the roles whose name reads the same as an older role's."""
        return list(
            db.session.scalars(select(cls).where(is_set_apart(cls.name_key, cls.id)).order_by(cls.id))
        )

    @classmethod
    def everything(cls) -> list[Role]:
        return list(db.session.scalars(select(cls).order_by(cls.is_administrator.desc(), cls.name_key)))

    @classmethod
    def for_plans(cls) -> list[Role]:
        """Return the roles a plan may give: all but the administrator's (rule 1)."""
        return [role for role in cls.everything() if not role.is_administrator]

    @classmethod
    def with_uses(cls) -> list[tuple[Role, int, int]]:
        """Every role, how many users have it by hand, and how many plans give it."""
        from umstripe.models.plan_role import PlanRole
        from umstripe.models.user import manual_roles

        users = select(func.count()).where(manual_roles.c.role_id == cls.id).scalar_subquery()
        plans = select(func.count(PlanRole.plan_id.distinct())).where(PlanRole.role_id == cls.id)
        query = select(cls, users, plans.scalar_subquery())
        query = query.order_by(cls.is_administrator.desc(), cls.name_key)
        return [tuple(row) for row in db.session.execute(query)]

    @classmethod
    def administrator(cls) -> Role:
        return db.session.scalars(select(cls).where(cls.is_administrator)).one()

    @classmethod
    def create(cls, name: str) -> Role:
        cls._must_be_free(name)
        role = cls(name=name.strip(), is_administrator=False)
        db.session.add(role)
        return role

    def rename(self, name: str) -> None:
        self._must_be_free(name, self)
        self.name = name.strip()

    def delete(self) -> None:
        """Raise NotAllowed for the administrator's role and for one that somebody or something uses."""
        if self.is_administrator:
            raise NotAllowed("The administrator's role cannot be deleted.")
        users = self.uses()
        if users:
            raise NotAllowed(
                f"“{self.name}” is in use: {', '.join(users)}. Change that first, then delete the role."
            )
        db.session.delete(self)

    def uses(self) -> list[str]:
        """Who and what uses the role, in words; empty when it may go."""
        from umstripe.models.plan_role import PlanRole
        from umstripe.models.settings import Settings
        from umstripe.models.user import manual_roles

        users = _count(select(func.count()).where(manual_roles.c.role_id == self.id))
        plans = _count(select(func.count(PlanRole.plan_id.distinct())).where(PlanRole.role_id == self.id))
        uses = [f"{users} {'user has' if users == 1 else 'users have'} it"] if users else []
        uses += [f"{plans} {'plan gives' if plans == 1 else 'plans give'} it"] if plans else []
        uses += ["new users get it"] if Settings.get().default_role_id == self.id else []
        return uses

    @classmethod
    def _must_be_free(cls, name: str, besides: Role | None = None) -> None:
        other = cls.named(name)
        if other is not None and other is not besides:
            raise NotAllowed(f"There is already a role called “{other.name}”. Choose another name.")


def _count(query: Select[int]) -> int:
    return db.session.scalar(query) or 0
