"""The engine: what a graph means and how it runs. Pure: neither Django nor Celery is imported here."""
