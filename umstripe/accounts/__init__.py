"""How people get an account and keep it: set-up, registration, invitations, passwords, and links that act for a person."""
