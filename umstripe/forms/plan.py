from __future__ import annotations

from typing import Any

from flask_wtf import FlaskForm
from wtforms import SelectField, StringField
from wtforms.validators import Length

from umstripe.forms.user import stripped
from umstripe.models import Plan, Role

NO_ROLE = 0


class PlanForm(FlaskForm):
    """A plan's title and the role for each of its statuses. `roles` holds the chosen ones by status."""

    title = StringField(
        "Title", filters=[stripped], validators=[Length(max=200, message="At most 200 characters.")]
    )

    def __init__(self, plan: Plan, **kwargs: Any) -> None:
        super().__init__(data=_stored(plan), **kwargs)
        self.plan, self.offered = plan, Role.for_plans()
        for field in self.role_fields:
            field.choices = [(NO_ROLE, "— None —"), *((role.id, role.name) for role in self.offered)]

    @property
    def role_fields(self) -> list[SelectField]:
        return [self[f"{status}_role"] for status in self.plan.role_labels]

    @property
    def roles(self) -> dict[str, Role | None]:
        by_id = {role.id: role for role in self.offered}
        return {status: by_id.get(self[f"{status}_role"].data) for status in self.plan.role_labels}


def plan_form(plan: Plan) -> PlanForm:
    """The form with a field for each status of this plan's type."""
    fields = {f"{status}_role": SelectField(label, coerce=int) for status, label in plan.role_labels.items()}
    return type("PlanFormOfType", (PlanForm,), fields)(plan)


def _stored(plan: Plan) -> dict[str, Any]:
    roles = {status: plan.role_for(status) for status in plan.role_labels}
    ids = {f"{status}_role": role.id if role else NO_ROLE for status, role in roles.items()}
    return {"title": plan.title, **ids}
