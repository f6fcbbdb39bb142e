"""Cases: evidence rescued before it expires, and folders of evidence that are never altered."""
