"""What no client sends, against a running server: `make fuzz`."""
