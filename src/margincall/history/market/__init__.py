"""The store of market data: candles of last, mark and index price, funding, trades, open interest and ratios."""
