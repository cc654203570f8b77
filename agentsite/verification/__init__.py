"""What `manage.py verify` tries, subject by subject: each yields what it looked at, in words, and whether it holds."""
