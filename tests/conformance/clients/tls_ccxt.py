"""ccxt with the addresses that it comes with, and the class of each error by its own table.

It is told no address: only that it may read the variable `REQUESTS_CA_BUNDLE` (`requests_trust_env`).
"""

import ccxt
import ccxt_errors
from ccxt_classes import LIMIT, STILL, S, prepare, tell
from outcome import Control, Outcomes, arguments, need

said = arguments()
outcomes, control = Outcomes("tls_ccxt", said.out), Control(said.control, said.token)
prepare(control)
told = {"apiKey": said.key, "secret": said.secret, "requests_trust_env": True}
ex = ccxt.binanceusdm(told)
outcomes.show("load_markets", lambda: need(S in ex.load_markets(), "no market"))
outcomes.show("load_markets of ccxt.binance", lambda: need(S in ccxt.binance(told).load_markets(), "no market"))
outcomes.show("fetch_balance", lambda: need(ex.fetch_balance()["USDT"]["total"] == 10_000, "another balance"))
fresh = ccxt.binanceusdm(dict(told, **dict(zip(("apiKey", "secret"), control.account("fresh"), strict=True))))
fresh.load_markets()
ccxt_errors.tell(fresh, outcomes, is_genuine=True)
tell(ex, outcomes, STILL, is_genuine=True)
tell(ex, outcomes, (LIMIT,), is_genuine=True, note=" with status 429")
