"""What is stale and why, and running it."""
