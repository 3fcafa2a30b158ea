"""The floor: the least that any site does to take a delivery safely, for `bench/webhook.py`.

A bare Flask view: the same signature check, then one insert, one upsert and one update in one transaction,
with SQLAlchemy core. The pragmas and the kind of transaction are the site's; there is no more to it.
"""

from __future__ import annotations

import json
import os

import stripe
from flask import Flask, request
from sqlalchemy import (
    BigInteger,
    Column,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    create_engine,
    event,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

metadata = MetaData()
deliveries = Table(
    "floor_delivery",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("stripe_event_id", String(255), unique=True),
    Column("body", Text),
)
subscriptions = Table(
    "floor_subscription",
    metadata,
    Column("stripe_subscription_id", String(255), primary_key=True),
    Column("status", String(20)),
    Column("as_of", BigInteger),
)
members = Table(
    "floor_member",
    metadata,
    Column("stripe_customer_id", String(255), primary_key=True),
    Column("status", String(20)),
)


def engine_of(url: str):
    options = {"connect_args": {"timeout": 30}} if url.startswith("sqlite") else {"pool_size": 10}
    engine = create_engine(url, **options)
    if url.startswith("sqlite"):
        event.listen(engine, "connect", _pragmas)
        event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    return engine


def _pragmas(connection, _record) -> None:
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def create_app() -> Flask:
    app = Flask(__name__)
    engine = engine_of(os.environ["FLOOR_DATABASE_URL"])
    secret = os.environ["FLOOR_SECRET"]
    insert = sqlite.insert if engine.dialect.name == "sqlite" else postgresql.insert

    @app.post("/webhooks/stripe/test")
    def webhook():
        body = request.get_data()
        stripe.WebhookSignature.verify_header(body, request.headers["Stripe-Signature"], secret, 300)
        delivery = json.loads(body)
        found = delivery["data"]["object"]
        state = {"status": found["status"], "as_of": delivery["created"]}
        copy = insert(subscriptions).values(stripe_subscription_id=found["id"], **state)
        member = members.c.stripe_customer_id == found["customer"]
        with engine.begin() as tx:
            tx.execute(insert(deliveries).values(stripe_event_id=delivery["id"], body=body.decode()))
            tx.execute(copy.on_conflict_do_update(index_elements=["stripe_subscription_id"], set_=state))
            tx.execute(update(members).where(member).values(status=found["status"]))
        return {"result": "processed"}

    return app
