"""The site's own keys: files and signing."""
