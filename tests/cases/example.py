"""The example that comes with the package, from `example.case`. `python -m tests.cases.example` writes its files."""

from tests.cases.text import load
from tests.cases.venue import rendered
from tests.sources import ROOT

FOLDER = ROOT / "src" / "margincall" / "forensics" / "data"
STREAM = FOLDER / "example.jsonl"
NOTES = FOLDER / "example.txt"
SAID = """\
Example: this liquidation is constructed from figures that the venue published.
Published: wallet 1,535,443.01 USDT, one cross wallet for two positions (FAQ b3c689c1…, 2021)
Published: long 109.488 BTCUSDT at 32,481.980, long 3,683.979 ETHUSDT at 1,456.84
Published: marks 31,967.27 and 1,335.18; liquidation prices there 26,316.89 and 1,153.26
Published: maintenance margin of 2.5 % − 16,300 (BTCUSDT) and 10 % − 135,365 (ETHUSDT) at these sizes
Assumed: the day (2021-01-28, by the prices), the times, that the brackets were unchanged a day later
Assumed: the opening trades in one piece each, at the regular taker fee of 0.04 %, and a deposit that leaves the wallet
Assumed: the fall to 30,020.15 and 1,215.20, the resting order, the fills of the liquidation order
Assumed: the limit of the order (the split by maintenance margin), a clearance fee of 0.5 % of what was liquidated
Assumed: messages in the shape of today's user-data stream
"""


def main() -> None:
    """Write the stream and what is published and assumed in it."""
    FOLDER.mkdir(exist_ok=True)
    STREAM.write_bytes(rendered(load("example")))
    NOTES.write_text(SAID, encoding="utf-8")


if __name__ == "__main__":
    main()
