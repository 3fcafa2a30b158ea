from umstripe.wsgi import app

__all__ = ["app"]
