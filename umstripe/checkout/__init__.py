"""The way to pay: an order, its Checkout session, what comes back, and the answers a payment waits for."""
