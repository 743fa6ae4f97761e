"""What the page asks of the desk's service: for the person of the present request, at this moment."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from dash import html, no_update
from sqlalchemy.engine import Connection

from access.audit import append
from access.people import current
from alerts.desk import service as desk_service
from alerts.desk.approve import Approved
from alerts.desk.area import names
from alerts.desk.confirm import Confirmation
from alerts.desk.content import BLANK, Attachment, Content, Language, Words
from alerts.desk.desk import Desk
from alerts.desk.office import Office, office_of
from alerts.desk.prefill import fresh, texts
from alerts.desk.read import DeskWarning, one
from alerts.desk.refusal import Refusal, Stale
from alerts.desk.signer import SignerClient
from alerts.routing import router
from data.actor import Actor
from data.errors import TocsinError
from data.model import Level
from data.store.exercise import scenario_of
from data.text import Translate
from pages._context import Context
from pages._times import local

FIRST_HAZARD, FIRST_LEVEL = "rainstorm", Level.YELLOW  # of a warning that nothing has proposed; both are changed
FILES = "attachments"
NAME = re.compile(r"[/\\\x00-\x1f]")
MEDIA = re.compile(r"[a-z]+/[a-zA-Z0-9.+-]+")


def office(context: Context) -> Office:
    """Who warns here; in the home of an exercise nothing is ever actual."""
    return office_of(context.settings, exercise=bool(scenario_of(context.clock)))


def desk(context: Context) -> Desk:
    """What the service stands on."""
    return Desk(office=office(context), index=context.regions, audit=append)


def refused(error: TocsinError, t: Translate) -> str:
    """Why something was not done, in the reader's language."""
    return error.told(t) if isinstance(error, Refusal) else t(str(error))


def find(context: Context, mark: Any) -> DeskWarning | None:
    """The message that the page has open; None where it has none, or it is gone."""
    number = mark.get("id") if isinstance(mark, dict) else None
    if not isinstance(number, int):
        return None
    with context.store.read() as connection:
        try:
            return one(connection, number)
        except Refusal:
            return None


def mark_of(item: DeskWarning, context: Context) -> dict[str, Any]:
    """What the parts of the page are told of a message: they ask anew where it is another."""
    return {"id": item.id, "edition": item.edition, "state": item.state, "writer": writer_of(item, context)}


def changed_by_others(item: DeskWarning, mark: Mapping[str, Any], context: Context) -> bool:
    """Whether somebody else has changed what the page shows; one's own last field may still be on its way back."""
    now = mark_of(item, context)
    if any(now[name] != mark.get(name) for name in ("state", "writer")):
        return True
    return now["edition"] != mark.get("edition") and item.author.casefold() != current().email.casefold()


def may_write(item: DeskWarning, context: Context) -> bool:
    """Whether the fields are open to the present person: for what the page shows; the service decides.

    What waits for a signature stays open to who submitted it, and becomes a draft again by a change.
    """
    person = current()
    own = item.state == "submitted" and item.author == person.email
    return person.may("warn.draft") and (own or item.state == "draft") and writer_of(item, context) == ""


def writer_of(item: DeskWarning, context: Context) -> str:
    """Who else is writing; "" where nobody is."""
    writer = item.locked_by(context.clock())
    return "" if writer.casefold() == current().email.casefold() else writer


def start(context: Context, action: str, number: int) -> int:
    """Begin a draft. Returns its id.

    Raises
    ------
    Refusal
        With the reason for the person.
    """
    now, actor, floor = context.clock(), current().actor(), desk(context)
    with context.store.write() as connection:
        match action:
            case "new":
                status = "Exercise" if floor.office.exercise else "Actual"
                hazard = actor.hazards[0] if actor.hazards else FIRST_HAZARD
                content = fresh(hazard, FIRST_LEVEL, tuple(actor.regions), floor, now, status=status)  # type: ignore[arg-type]
                item = desk_service.draft_new(connection, floor, content, actor=actor, now=now)
            case "proposal":
                item = desk_service.draft_from_proposal(connection, floor, number, actor=actor, now=now)
            case "update":
                item = desk_service.draft_update(connection, floor, number, actor=actor, now=now)
            case "cancel":
                item = desk_service.draft_cancel(connection, floor, number, actor=actor, now=now)
            case _:
                raise Refusal("There is no such step.")
    return item.id


def save(context: Context, mark: Any, how: Callable[[Content], Content], t: Translate) -> tuple[Any, Any]:
    """Keep a change of the text that stands in the store, so that two fields typed at once both stay.

    Returns what the page is told of the message, or `no_update` where nothing changed, and the words beside it.

    Raises
    ------
    Refusal
        Where it may not be changed now, or somebody else has changed it since this page was shown.
    """
    number, seen = _of(mark)
    now, actor, floor = context.clock(), current().actor(), desk(context)
    with context.store.write() as connection:
        item = one(connection, number, lock=True)
        if item.edition > seen and item.author != actor.email:
            raise Stale(
                "{who} has changed this text meanwhile: load the page again.", who=item.author
            )  # fmt: skip
        desk_service.lock(connection, floor, number, actor=actor, now=now)
        content = with_names(item.content, how(item.content), floor)
        kept = desk_service.save(connection, floor, number, item.edition, content, actor=actor, now=now)
    if kept.edition == item.edition:
        return no_update, no_update
    words = t("Kept {at}").format(at=local(now, context.settings.zone, seconds=True))
    return mark_of(kept, context), html.Span(["✓ ", words])


def with_names(before: Content, after: Content, floor: Desk) -> Content:
    """The texts with the new names of the area where they had the old ones; words of people's own stay."""
    if before.regions == after.regions:
        return after
    told = dict(after.texts)
    for language, words in after.texts.items():
        told[language] = _renamed(words, before.regions, after.regions, language, floor)
    return after.with_(texts=told)


def _renamed(words: Words, before: Iterable[str], after: Iterable[str], language: Language, floor: Desk) -> Words:
    new = names(after, floor.index, language)
    old = names(before, floor.index, language)
    if not new:
        return words
    olds = [old] if old else [found[0] for found in BLANK.finditer(words.area)]
    texts_of = words.model_dump()
    for name in ("headline", "description", "area"):
        for one_name in olds:
            texts_of[name] = texts_of[name].replace(one_name, new)
    return Words(**texts_of)


def refilled(context: Context, mark: Any, content: Content) -> Content:
    """The content with the template's texts for its hazard, level and area; the reading in words is kept."""
    item = find(context, mark)
    over = item is not None and item.kind == "cancel"
    told = texts(content.hazard, content.level, content.regions, desk(context), over=over)
    return content.with_(texts=told)


def kept_file(context: Context, body: bytes, name: str, media_type: str) -> Attachment:
    """Keep the bytes of a file under their digest in the home folder.

    Raises
    ------
    Refusal
        For an empty file.
    """
    if not body:
        raise Refusal("The file is empty.")
    sha256 = hashlib.sha256(body).hexdigest()
    folder = context.settings.home / FILES
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / sha256
    if not path.is_file():
        part = folder / f"{sha256}.{os.getpid()}.part"
        with part.open("wb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    return Attachment(
        name=NAME.sub("_", name)[:200] or "file",
        media_type=media_type if MEDIA.fullmatch(media_type) else "application/octet-stream",
        sha256=sha256, sha1=hashlib.sha1(body, usedforsecurity=False).hexdigest(), size=len(body),
    )  # fmt: skip


def decide(context: Context, action: str, mark: Any, why: str) -> None:
    """Hand in, reject, throw away, take over.

    Raises
    ------
    Refusal
        With the reason for the person.
    """
    number, edition = _of(mark)
    step = STEPS.get(action)
    if step is None:
        raise Refusal("There is no such step.")
    now, actor, floor = context.clock(), current().actor(), desk(context)
    with context.store.write() as connection:
        step(connection, floor, number, edition, why, actor, now)


def close(context: Context, mark: Any, why: str) -> None:
    """Close the open proposal without a warning; Refusal with the reason for the person."""
    number = mark.get("proposal") if isinstance(mark, dict) else None
    if not isinstance(number, int):
        raise Refusal("Open a proposal first.")
    with context.store.write() as connection:
        desk_service.close(connection, desk(context), number, why=why, actor=current().actor(), now=context.clock())


def _of(mark: Any) -> tuple[int, int]:
    number, edition = (mark.get("id"), mark.get("edition")) if isinstance(mark, dict) else (None, None)
    if not isinstance(number, int) or not isinstance(edition, int):
        raise Refusal("Open a warning first.")
    return number, edition


Step = Callable[[Connection, Desk, int, int, str, Actor, datetime], Any]
STEPS: Mapping[str, Step] = {
    "submit": lambda c, floor, id, edition, _why, actor, now: desk_service.submit(
        c, floor, id, edition, actor=actor, now=now
    ),
    "reject": lambda c, floor, id, edition, why, actor, now: desk_service.reject(
        c, floor, id, edition, why=why, actor=actor, now=now
    ),
    "discard": lambda c, floor, id, edition, why, actor, now: desk_service.discard(
        c, floor, id, edition, why=why, actor=actor, now=now
    ),
    "reopen": lambda c, floor, id, edition, why, actor, now: desk_service.reopen(
        c, floor, id, edition, why=why, actor=actor, now=now
    ),
    "take-over": lambda c, floor, id, _edition, _why, actor, now: desk_service.take_over(
        c, floor, id, actor=actor, now=now
    ),
}


def sign(context: Context, mark: Any, level: str, area: str, seen: str) -> Approved:
    """The second signature, by the present person.

    Raises
    ------
    Refusal
        With the reason for the person.
    """
    number, edition = _of(mark)
    return desk_service.approve(
        context.store, desk(context), number, edition, actor=current().actor(),
        confirm=Confirmation(level=level, area=area, seen=seen), now=context.clock(),
        signer=SignerClient(context.settings.home),
        router=router(context.settings, exercise=bool(scenario_of(context.clock))),
    )  # fmt: skip
