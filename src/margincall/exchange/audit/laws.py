"""The invariants of `docs/spec/invariants.md` that a single command can break, by their numbers.

Each law looks at what one command did (`shadow.Around`) and yields a sentence for each breach. It asks what the events
say, folded, and never how the engine came to it. Which law holds under which rules, and why one does not, is the page's
matter; a law speaks only where its page says that it holds.
"""

from collections.abc import Callable, Iterator, Mapping

from margincall.exchange.audit import laws_books as books
from margincall.exchange.audit import laws_desk as desk
from margincall.exchange.audit import laws_losses as losses
from margincall.exchange.audit.shadow import Around

Law = Callable[[Around], Iterator[str]]

LAWS: Mapping[int, Law] = {
    1: books.conservation,
    2: books.long_is_short,
    3: desk.fund_pays_what_it_has,
    4: books.no_hidden_debt,
    5: desk.waterfall_order,
    6: losses.principal_is_safe,
    7: losses.sharing_is_bounded,
    8: desk.only_reduced,
    9: desk.overlap_is_skipped,
    10: desk.not_worsened,
    11: desk.rest_is_healthy,
    12: desk.fee_is_bounded,
    13: desk.bankruptcy_price_is_neutral,
    15: desk.not_over_deleveraged,
    16: books.nothing_twice,
    18: losses.labels_do_not_matter,
    19: losses.splitting_gains_nothing,
    20: losses.larger_profit_pays_more,
    21: desk.every_liquidation_ends,
    23: books.numbers_are_finite,
    24: books.trigger_is_the_verdict,
    26: books.only_what_is_there,
}
"""17 and 22 are asked of a whole journal and of a refused command; 14 is violated everywhere, 25 applies nowhere."""
