"""Makes the app of its parts."""

from __future__ import annotations

import anyio
from fastapi import FastAPI

from api.access.kept import KeptAnswers
from api.access.keys import AccessStore
from api.core import Core
from api.limits import Rates, Seats
from api.lists import Pages
from api.metrics import Metrics
from api.middleware import Surroundings
from api.openapi import openapi_install
from api.ports import LedgersPort
from api.problems import handlers_add
from api.readiness import Readiness
from api.routes import MODULES, MODULES_WATCHED, routers
from api.settings import ApiSettings

VERSION = "1"


def app_create(
    ledgers: LedgersPort, access: AccessStore, settings: ApiSettings, *, watched_only: bool = False
) -> FastAPI:
    """The app; with `watched_only` one that has nothing but /health, /ready and /metrics.

    `access` stays the caller's to close. Asks the database for the key that signs cursors.
    """
    app = FastAPI(title="Plumbline", version=VERSION, openapi_url=None, redirect_slashes=False)
    metrics = Metrics()
    app.state.core = Core(
        ledgers=ledgers,
        access=access,
        settings=settings,
        pages=Pages(access.signing_key()),
        rates=Rates(settings.requests_per_second, settings.requests_burst),
        metrics=metrics,
        readiness=Readiness(ledgers),
        kept=KeptAnswers(access.datastore),
        under_way=Seats(settings.concurrent_max, 0.5),
        receiving=Seats(settings.imports_receiving_max, 0.5),
        webhooks_receiving=Seats(settings.webhooks_receiving_max, 0.25),
        lead_rates=Rates(settings.lead_checks_per_hour / 3_600, settings.lead_checks_burst),
        threads=anyio.CapacityLimiter(settings.threads),
    )
    for router in routers(MODULES_WATCHED if watched_only else MODULES):
        router.add_to(app)
    handlers_add(app)
    openapi_install(app, told=not watched_only)
    app.add_middleware(Surroundings, settings=settings, metrics=metrics)
    return app
