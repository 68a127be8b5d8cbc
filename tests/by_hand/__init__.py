"""Scripts that people run by hand, and whose output they read."""
