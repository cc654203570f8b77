"""The words that models are given, as files, and the plain rendering of them."""
