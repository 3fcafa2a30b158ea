"""Which emails are written (triggers), what they say (defaults, render), and how they are sent (outbox)."""
