"""Webhook deliveries: queues, retries, signatures, and what goes wrong on the way."""
