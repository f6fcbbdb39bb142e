"""The auditor: an exchange's second opinion, which shares none of its code paths."""
