"""A dispatch process for tests that kill it, started with the address of the database, allowed host and rate."""

from __future__ import annotations

import sys
import threading

from alerts.channels.webhook import WebhookChannel
from alerts.dispatcher import Dispatcher
from data.clock import utc_now
from data.store.engine import open_store
from data.ways_out import Pace
from ingest.http import Http


def main(url: str, host: str, rate: str) -> None:
    channels = {"webhook": WebhookChannel(Http(allow_hosts=(host,), source="dispatch").post)}
    pace = {"webhook": Pace(per_second=float(rate), at_once=4)}
    Dispatcher(open_store(url), channels, clock=utc_now, pace=pace).run(threading.Event())


if __name__ == "__main__":
    main(*sys.argv[1:])
