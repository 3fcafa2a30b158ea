"""Checkout: sessions, the pages that a browser walks, and what follows from a payment.

https://docs.stripe.com/payments/checkout/how-checkout-works
"""
