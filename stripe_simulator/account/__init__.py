"""The Stripe account with its two modes, its faults, and the clocks by which things become due."""
