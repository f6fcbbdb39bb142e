"""All kinds of fault, by name: setting, size, bound, and what `verify` should call it (`docs/spec/fault_bounds.md`)."""

from collections.abc import Mapping

from tests.accept.faults import booked, bounds, losses, trigger
from tests.accept.faults.after_order import AFTER_ORDER
from tests.accept.faults.case import Fault
from tests.accept.faults.chosen import CHOSEN

TRIGGER: Mapping[str, Fault] = {
    "wrong_brackets": Fault(
        "wrong bracket table", "USDT of maintenance margin", trigger.brackets, trigger.margin_off_by, bounds.brackets,
        "wrong_brackets", ("trigger", "maintenance", "moment"),
    ),
    "bad_mark": Fault(
        "bad mark tick", "USDT of price", trigger.mark, trigger.price_off_by, bounds.bad_mark, "bad_mark", ("mark",)
    ),
    "too_early": Fault(
        "too early", "ms", trigger.early, trigger.earlier_by, bounds.too_early, "too_early", ("trigger",)
    ),
    "too_late": Fault("too late", "ms", trigger.late, trigger.later_by, bounds.too_late, "too_late", ("moment",)),
}  # fmt: skip
BOOKED: Mapping[str, Fault] = {
    "fee_twice": Fault(
        "fee twice", "USDT", booked.fee_twice, booked.charged_more, bounds.fee, "clearance_fee_twice",
        ("clearance_fee",),
    ),
    "fee_base": Fault(
        "fee on the wrong base", "USDT", booked.fee_base, booked.charged_more, bounds.fee, "clearance_fee_base",
        ("clearance_fee",),
    ),
    "fill_beyond": Fault(
        "fill beyond the bankruptcy price", "USDT of price", booked.beyond, booked.filled_beyond, bounds.fill,
        "fill_beyond_bankruptcy", ("fill_price",),
    ),
    "orders_stay": Fault(
        "orders not cancelled first", "contracts", booked.orders_stay, booked.stayed, bounds.orders,
        "orders_not_cancelled", ("orders_cancelled",),
    ),
    "funding_rate": Fault(
        "funding at the wrong rate", "rate", booked.funding, booked.paid_off_by, bounds.funding, "funding_rate",
        ("funding",),
    ),
}  # fmt: skip
LOSSES: Mapping[str, Fault] = {
    "out_of_rank": Fault(
        "deleveraging out of rank", "score", losses.out_of_rank, losses.score_off_by, bounds.rank,
        "deleveraging_rank", ("deleveraging_rank",),
    ),
    "despite_fund": Fault(
        "loss socialised though the fund was not empty", "USDT", losses.despite_fund, losses.charged_for_others,
        bounds.charge, "loss_socialised", ("loss_shared",),
    ),
}  # fmt: skip
FAULTS: Mapping[str, Fault] = {**TRIGGER, **BOOKED, **LOSSES, **CHOSEN, **AFTER_ORDER}
