"""What keeps hostile input and output from doing harm. Pure: neither Django nor Celery."""
