"""All routes."""

from margincall.server.answers import general, orders, user_stream
from margincall.server.routing import Route

ROUTES: tuple[Route, ...] = (*general.ROUTES, *orders.ROUTES, *user_stream.ROUTES)
