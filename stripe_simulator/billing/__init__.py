"""Cards, payments, invoices and the lifecycle of subscriptions."""
