"""Golden cases: liquidations and accounts as plain text, with every term that we say of them."""
