"""The web server: gunicorn's threads, which a connection occupies only while its whole request is being answered."""
