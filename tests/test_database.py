"""Write transactions: what would wait for itself is a clear error instead."""

from __future__ import annotations

import pytest
from sqlalchemy import select, text

from tests.people import make_administrator


def test_a_write_transaction_inside_another_one_is_a_clear_error(app):
    from umstripe.database import write

    with app.app_context(), write(), pytest.raises(RuntimeError, match="inside another one"), write():
        pass


def test_on_sqlite_the_session_inside_a_write_transaction_is_a_clear_error(app, database_url):
    from umstripe.database import db, write

    if not database_url.startswith("sqlite"):
        pytest.skip("on Postgres the session does not wait for it")
    with app.app_context():
        with write(), pytest.raises(RuntimeError, match="session is used inside"):
            db.session.execute(text("SELECT 1"))
        db.session.rollback()
        with write() as tx:
            assert tx.execute(text("SELECT 1")).scalar() == 1


def test_the_post_is_sent_and_written_down_without_waiting_for_itself(app):
    from umstripe.database import db, write
    from umstripe.emails import outbox
    from umstripe.jobs.catch_up import silence_words
    from umstripe.models import Mail

    make_administrator(app)
    with app.app_context():
        with write() as tx:
            Mail.to_administrators(tx, "health", "test today", **silence_words("test", 3))
        assert outbox.send_pending() == 1
        assert db.session.execute(select(Mail.state)).scalars().all() == ["kept"]


def test_a_request_that_has_only_read_may_write(app):
    from sqlalchemy import update

    from umstripe.database import db, write
    from umstripe.models import Settings

    with app.test_request_context(method="POST"):
        name = Settings.get().site_name
        with write() as tx:
            tx.execute(update(Settings).values(site_name=f"{name} anew"))
        db.session.expire_all()
        assert Settings.get().site_name == f"{name} anew"


@pytest.mark.parametrize("how", ["unsaved", "flushed", "statement"])
def test_a_request_with_changes_begins_no_other_transaction(app, how):
    from sqlalchemy import update

    from umstripe.database import db, write
    from umstripe.models import Settings

    with app.test_request_context(method="POST"):
        if how == "statement":
            db.session.execute(update(Settings).values(site_name="Other"))
        else:
            Settings.get().site_name = "Other"
        if how == "flushed":
            db.session.flush()
        with pytest.raises(RuntimeError, match="inside another one"), write():
            pass
        db.session.rollback()
