"""The control API: what only the operator may do, for scripts and tests. JSON in, JSON out, on a port of its own.

app.py       the application, and the token that it asks for
http.py      bodies and answers
bodies.py    what may be sent
accounts.py, market.py, whole.py    what is done
"""
