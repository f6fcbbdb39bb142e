"""All routes."""

from margincall.server.answers import (
    account,
    algo,
    batches,
    downloads,
    general,
    history,
    orders,
    settings,
    user_stream,
)
from margincall.server.routing import Route

ROUTES: tuple[Route, ...] = (
    *general.ROUTES,
    *account.ROUTES,
    *settings.ROUTES,
    *history.ROUTES,
    *downloads.ROUTES,
    *orders.ROUTES,
    *batches.ROUTES,
    *algo.ROUTES,
    *user_stream.ROUTES,
)
