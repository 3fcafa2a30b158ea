from __future__ import annotations

from typing import Any

from flask import request
from flask_security import current_user

from umstripe.extensions import caller_address
from umstripe.models import Activity


def log(action: str, description: str, **line: Any) -> None:
    """Leave an activity line for what the member of this request does (rule 10).

    `line` takes the other columns of Activity: `mode`, `details`.
    """
    Activity.add(
        action,
        description,
        trigger="member",
        user_id=current_user.id,
        by_id=current_user.id,
        page=request.path[:200],
        address=caller_address(),
        **line,
    )
