"""All routes."""

from margincall.server.answers import (
    account,
    algo,
    batches,
    candles,
    downloads,
    futures_data,
    general,
    history,
    market,
    orders,
    settings,
    spot,
    user_stream,
    venue_data,
)
from margincall.server.routing import Route

ROUTES: tuple[Route, ...] = (
    *general.ROUTES,
    *market.ROUTES,
    *candles.ROUTES,
    *venue_data.ROUTES,
    *futures_data.ROUTES,
    *spot.ROUTES,
    *account.ROUTES,
    *settings.ROUTES,
    *history.ROUTES,
    *downloads.ROUTES,
    *orders.ROUTES,
    *batches.ROUTES,
    *algo.ROUTES,
    *user_stream.ROUTES,
)
