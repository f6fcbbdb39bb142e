"""Readers: files in, events and problems out."""
