"""All routes."""

from margincall.server.answers import general, orders
from margincall.server.routing import Route

ROUTES: tuple[Route, ...] = (*general.ROUTES, *orders.ROUTES)
