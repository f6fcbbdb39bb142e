"""Was it right? Each rule that a liquidation must follow, held against what the venue printed."""
