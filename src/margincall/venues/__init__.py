"""Venues: one small file each, building one value of rules; dated bracket tables."""
