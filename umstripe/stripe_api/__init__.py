"""Everything that is asked of Stripe. Only client.py imports stripe."""
