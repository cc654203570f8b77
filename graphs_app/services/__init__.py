"""What changes graphs and runs; the only writers of this app."""
