"""Benchmarks: commands that print measurements. They are not tests."""
