"""A deleveraging out of rank: from the files of two accounts, where both are known, and from no others."""

from pathlib import Path

from tests.accept.faults.trial import tried


def test_a_rank_accuses_only_where_both_accounts_are_known(tmp_path: Path) -> None:
    """The same two accounts: streams and answers tell wallets and margin modes, exports do not."""
    told = {each.level: (each.outcome, each.accused) for each in tried("out_of_rank", 901, tmp_path).told}
    assert told["stream, ticks"] == told["api, ticks"] == ("found", ("deleveraging_rank",))
    assert told["csv, ticks"] == told["csv, candles"] == ("cannot tell", ())
