"""Past liquidations folded again and compared with what the venue printed."""
