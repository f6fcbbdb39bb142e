"""Random rules for `desk.liquidate`: a value of each field of the waterfall, of deleveraging and of the assumptions."""


def random_waterfall(rng, family, plain):
    """`plain`: linear and single-asset only, where the rules of dYdX may be mixed in."""
    dydx = family == "dydx"
    rare = plain and family == "deleverage"
    rules = {
        "cancel": rng.choice(("pool", "account", "none")),
        "partial": rng.choice(("restore", "restore", "whole", "share", "tier")),
        "partial_share": rng.choice(("0.1", "0.25", "0.5")),
        "least_notional": rng.choice(("0", "100", "1000")),
        "most_notional": rng.choice(("1000", "100000", "10000000")),
        "tiers": rng.choice((1, 1, 2)),
        "order": rng.choice(("maintenance", "maintenance", "notional", "symbol")),
        "limit": "bankruptcy",
        "limit_tick": rng.choice(("inside", "inside", "outside")),
        "fillable_adjustment": rng.choice(("1", "1", "5")),
        "fillable_spread": rng.choice(("0.1", "0.1", "0.5", "1.5")),
        "takeover": rng.choice(("pool", "pool", "one-by-one")),
        "fee": "clearance",
        "fee_cap": rng.choice(("collateral-left", "collateral-left", "collateral-left", "uncapped")),
        "fund_share": rng.choice(("1", "1", "1", "0.5", "0.333", "0")),
        "fund_notional": rng.choice(("1", "1", "0.5", "3", None, None)),
        "only_bankrupt": False,
        "after_fund": "deleverage" if dydx else family,
    }
    if dydx or (rare and rng.random() < 0.1):
        rules["limit"] = "fillable"
    if dydx or (rare and rng.random() < 0.1):
        rules["fee"] = "improvement"
    if dydx or (rare and rng.random() < 0.1):
        rules["takeover"] = "none"
        rules["only_bankrupt"] = dydx or rng.random() < 0.5
    if dydx:
        rules["partial"] = "share"
    if rules["fee"] == "improvement" and rng.random() < 0.4:
        rules["cancel"] = "none"  # so that own orders stand in the way
    if rules["fee"] == "improvement":
        rules["quote_unit"] = rng.choice((None, None, "0.000001", "0.01", "1"))
    return rules


def random_deleveraging(rng, family):
    if family == "dydx":
        fixed = {"ranking": "account", "choice": "seeded-start", "skip_overlap": True}
    else:
        fixed = {
            "ranking": rng.choice(("leverage-pnl",) * 3 + ("effective-leverage", "profit-notional", "account")),
            "choice": rng.choice(("queue", "queue", "seeded-start", "pro-rata")),
            "skip_overlap": rng.random() < 0.2,
        }
    return fixed | {
        "price": rng.choice(("bankruptcy", "bankruptcy", "mark", "previous-mark")),
        "pnl": rng.choice(("position", "position", "pool")),
    }


def random_assumptions(rng):
    chosen = {}
    if rng.random() < 0.4:
        chosen["bankruptcy-split"] = rng.choice(("maintenance", "notional", "whole"))
    if rng.random() < 0.2:
        chosen["trigger-comparison"] = rng.choice(("reached", "below"))
    if rng.random() < 0.2:
        chosen["multi-asset-equity-rate"] = rng.choice(("net", "index-pnl"))
    if rng.random() < 0.2:
        chosen["multi-asset-requirement-rate"] = rng.choice(("index", "ask"))
    return chosen


def random_rules(rng, family, plain):
    """The part of a state that says what the venue does."""
    return {
        "waterfall": random_waterfall(rng, family, plain),
        "deleveraging": random_deleveraging(rng, family),
        "assumptions": random_assumptions(rng),
    }
