"""freqtrade with the addresses that it comes with: both runs of `freqtrade.py`, and only an authority to trust."""

from freqtrade import main  # the script beside this one, not the package

main()
