"""Series of fields as screens read them: what there is, how it is drawn, how often it comes and what is missing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING, Any

from data.clock import iso
from data.derived import is_derived, origin_of
from layers.fields import FIELDS, sampling_of, spec_for
from layers.layer import Ramp
from layers.ramps import legend, ramp_for

if TYPE_CHECKING:
    from data.store.field_series import Run, Series

LATE_STEPS = 3  # so many usual distances without a new step: the newest no longer stands for the present
LEAST_LATE = timedelta(hours=1)
MOST_GAPS = 400


def describe_series(
    series: Series,
    steps: Sequence[Any],
    runs: Sequence[Run],
    now: datetime,
    *,
    deepest: int,
    stale_after: timedelta | None = None,
) -> dict[str, Any]:
    """One series for screens.

    Parameters
    ----------
    steps
        Rows of `field_step`, oldest first, one for each valid time.
    runs
        The newest runs, newest first.
    deepest
        The deepest zoom of value tiles that says something new.
    stale_after
        Where the source says so itself: the age past which it says nothing of the present.
    """
    key = series.key
    spec = spec_for(key.quantity, series.unit, series.title)
    ramp = _ramp(key.quantity, spec.ramp, steps)
    seen = [row for row in steps if not row.forecast]
    every = cadence([row.valid_at for row in seen]) or cadence([run.run_at for run in runs][::-1])
    late = stale_after or (max(LATE_STEPS * every, LEAST_LATE) if every else None)
    return {
        "key": str(key), "quantity": key.quantity, "title": spec.title, "unit": series.unit, "status": spec.status,
        "ramp": legend(ramp, series.unit), "source": origin_of(key.source), "accumulation_s": key.accumulation_s,
        "forecast": series.forecast, "bounds": list(series.bounds),
        "sampling": sampling_of(steps[-1], ramp) if steps else "nearest",
        "derived": is_derived(key.source), "citation": _citation(steps) or spec.reference, "max_zoom": deepest,
        "first_at": iso(series.first_at), "last_at": iso(series.last_at), "received_at": iso(series.received_at),
        "late_after_s": None if late is None else int(late.total_seconds()),
        "more_before": max(series.count - len(steps), 0),
        "steps": [describe_step(row) for row in steps],
        "gaps": [iso(at) for at in gaps(steps, runs)[:MOST_GAPS]],
        "latest": seen[-1].id if seen else None,
        "runs": [
            {"run_at": iso(run.run_at), "steps": run.steps, "forecast": run.forecast,
             "missing": [iso(at) for at in run.missing]}
            for run in runs
        ],
    }  # fmt: skip


def _citation(steps: Sequence[Any]) -> str:
    """Where the newest step says by which method it was made."""
    return str(steps[-1].attributes.get("citation", "")) if steps else ""


def describe_step(row: Any) -> dict[str, Any]:
    """One step for screens."""
    attributes = row.attributes
    return {
        "id": row.id, "valid_at": iso(row.valid_at), "run_at": iso(row.run_at), "received_at": iso(row.received_at),
        "forecast": bool(row.forecast), "missing_share": round(row.missing_share, 4),
        "low": attributes.get("low"), "high": attributes.get("high"), "notes": list(attributes.get("notes", ())),
    }  # fmt: skip


def cadence(times: Sequence[datetime]) -> timedelta | None:
    """The usual distance of rising times; None where there are not two."""
    distances = [(later - earlier).total_seconds() for earlier, later in pairwise(times)]
    return timedelta(seconds=median(distances)) if distances else None


def gaps(steps: Sequence[Any], runs: Sequence[Run]) -> list[datetime]:
    """The times between the first and the last step at which one should be and is not, or its run came without."""
    from data.store.field_series import holes

    times = [row.valid_at for row in steps]
    if not times:
        return []
    lacking = set(holes(times)) | {at for run in runs[:1] for at in run.missing if at >= times[0]}
    return sorted(lacking - set(times))


def order_of(series: dict[str, Any]) -> tuple[Any, ...]:
    """House quantities first, then by name; measured before derived."""
    return (series["quantity"] not in FIELDS, series["quantity"], series["derived"], series["accumulation_s"])


def _ramp(quantity: str, known: Ramp | None, steps: Sequence[Any]) -> Ramp:
    """The ramp of a quantity; one over all the values of the steps where the house has none."""
    if quantity in FIELDS and known is not None:
        return known
    lows = [row.attributes["low"] for row in steps if row.attributes.get("low") is not None]
    highs = [row.attributes["high"] for row in steps if row.attributes.get("high") is not None]
    return ramp_for(quantity, min(lows, default=0.0), max(highs, default=1.0))
