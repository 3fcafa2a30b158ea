"""`/_simulator`: the page and the JSON controls for a person or a test."""
