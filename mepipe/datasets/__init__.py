"""Clips and annotations, one reader per dataset, label schemes as data."""
