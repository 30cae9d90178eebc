"""Recordings of any length: stretches of one face, and what happens in them."""
