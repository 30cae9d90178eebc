"""Benchmarks: commands that print what they measured, and no tests."""
