"""What every request passes: hosts, headers, CSRF, sessions, rate limits."""
