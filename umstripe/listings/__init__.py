"""Queries behind the lists that administrators see: a fixed number of them, however long the page."""
