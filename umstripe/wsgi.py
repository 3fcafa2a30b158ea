"""What gunicorn serves."""

from umstripe import create_app

app = create_app()
