"""A server that answers as the venue does, from the events of a made-up account. For tests and for trying by hand."""
