"""The exchange behind the venue's own REST and WebSocket API: any client of Binance USDⓈ-M Futures works.

gateway.py   one request: route, key, signature, time, limits, answer
routing.py   the table of routes; `answers/` holds what they answer, one file for each group
venue.py     the engine behind it, its clock, and who is told what happened
assembled.py, opened.py, serving.py   its parts put together, from flags to a server that runs
control/     what only the operator may do, on a port of its own; `player.py` plays prices, `desk.py` judges
demo.py      a market for show
records.py   what each account's lists hold; `tape.py` what each market showed
"""
