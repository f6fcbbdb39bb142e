"""What the routes answer, one file for each group of the venue's documentation."""
