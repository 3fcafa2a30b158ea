"""What members do with a membership they have: see it, cancel, pause, resume, switch, and the customer portal."""
