"""The `/v1` API: authentication, parameters, lists, expansion and idempotency."""
