from __future__ import annotations

from typing import Any

from flask import request
from flask_security import current_user

from umstripe.extensions import client_address
from umstripe.models import Activity


def log(action: str, description: str, **columns: Any) -> None:
    """Write an activity line for what the user of this request does (rule 10).

    `columns` takes the other columns of Activity: `mode`, `user_id`, `details`. What members do is about themselves.
    """
    if "admin" in request.blueprints:
        columns = {"trigger": "admin", **columns}
    else:
        columns = {"trigger": "member", "user_id": current_user.id, **columns}
    Activity.add(
        action,
        description,
        by_id=current_user.id,
        page=request.path[:200],
        address=client_address(),
        **columns,
    )
