"""Groups, quiet hours, places and lists of recipients."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from alerts.hold import hold
from alerts.recipients import Group, concerned
from alerts.recipients_file import take_groups, take_recipients
from data.model import Level
from data.regions import RegionIndex, load_regions
from data.store.engine import Store
from data.store.tables import delivery, recipient, recipient_group
from tests.alerts.sending import Recorder, above, add_group, issue, rows, subscribe

SHANGHAI, LORD_HOWE = ZoneInfo("Asia/Shanghai"), ZoneInfo("Australia/Lord_Howe")


@pytest.fixture(scope="module")
def index() -> RegionIndex:
    return load_regions()


@pytest.mark.parametrize(
    ("own", "warned", "meets"),
    [
        ((), ("CN-11",), True),
        (("CN",), ("CN-11-01",), True),
        (("CN-11-01",), ("CN",), True),
        (("US",), ("CN-11",), False),
        (("US",), (), True),
        (("nowhere",), ("CN",), False),
    ],
    ids=["everywhere", "above", "below", "elsewhere", "message without a place", "unknown code"],
)
def test_area_is_concerned_by_what_lies_in_it_and_around_it(
    own: tuple[str, ...], warned: tuple[str, ...], meets: bool
) -> None:
    assert concerned(own, warned, above) is meets


@pytest.mark.parametrize(
    ("local", "level", "wakes"),
    [
        ((2026, 3, 1, 23, 0), Level.YELLOW, (2026, 3, 2, 7, 0)),
        ((2026, 3, 2, 3, 0), Level.BLUE, (2026, 3, 2, 7, 0)),
        ((2026, 3, 2, 7, 0), Level.BLUE, None),
        ((2026, 3, 2, 21, 59), Level.BLUE, None),
        ((2026, 3, 1, 23, 0), Level.ORANGE, None),
    ],
    ids=["evening", "night", "their end", "before", "severity overrides"],
)
def test_quiet_hours_hold_back_what_is_not_grave(
    local: tuple[int, ...], level: Level, wakes: tuple[int, ...] | None
) -> None:
    group = Group(id=1, name="g", quiet_from=22 * 60, quiet_to=7 * 60, quiet_up_to=Level.YELLOW)
    now = datetime(*local, tzinfo=SHANGHAI).astimezone(UTC)  # type: ignore[misc,arg-type]
    expected = now if wakes is None else datetime(*wakes, tzinfo=SHANGHAI)  # type: ignore[misc,arg-type]
    assert group.wakes_at(level, now, SHANGHAI) == expected


def test_quiet_hours_end_by_the_wall_clock_when_summer_time_ends() -> None:
    group = Group(id=1, name="g", quiet_from=22 * 60, quiet_to=7 * 60, quiet_up_to=Level.YELLOW)
    now = datetime(2026, 4, 4, 23, 0, tzinfo=LORD_HOWE)
    assert group.wakes_at(Level.BLUE, now, LORD_HOWE) == datetime(2026, 4, 5, 7, 0, tzinfo=LORD_HOWE)


def test_message_goes_to_groups_by_place_hazard_level_and_to_browsers(store: Store, now: datetime) -> None:
    with store.write() as connection:
        add_group(connection, "all", ("webhook", "https://all.example/"))
        add_group(connection, "district", ("webhook", "https://district.example/"), regions=["CN-11-01"])
        add_group(connection, "abroad", ("webhook", "https://abroad.example/"), regions=["US"])
        add_group(connection, "floods", ("webhook", "https://floods.example/"), hazards=["flood"])
        add_group(connection, "grave", ("webhook", "https://grave.example/"), least_level=4)
        add_group(connection, "off", ("webhook", "https://off.example/"), enabled=False)
        subscribe(connection, "https://push.example/here", now=now, regions=["CN-11-01"])
        subscribe(connection, "https://push.example/gone", now=now, gone_at=now)
        subscribe(connection, "https://push.example/abroad", now=now, regions=["US"])
        subscribe(connection, "https://push.example/grave", now=now, least_level=4)
        issue(connection, 1, now=now)
    found = {row.recipient.split("//")[1] for row in rows(store, delivery)}
    assert found == {"all.example/", "district.example/", "push.example/here"}


def test_address_in_two_groups_gets_one_message_and_the_one_that_is_awake_decides(
    store: Store, now: datetime
) -> None:
    address = ("email", "a@example.org")
    night = now.astimezone(SHANGHAI).hour * 60
    with store.write() as connection:
        quiet = {"quiet_from": night, "quiet_to": night + 120, "quiet_up_to": 3}
        add_group(connection, "asleep", address, **quiet)
        add_group(connection, "awake", address)
        add_group(connection, "night only", ("email", "b@example.org"), **quiet)
        issue(connection, 1, now=now)
    found = {row.recipient: row for row in rows(store, delivery)}
    assert (len(found), found["a@example.org"].next_at, found["a@example.org"].recipient_group) == (2, now, "awake")
    assert found["b@example.org"].next_at > now and found["b@example.org"].error.startswith("quiet hours until")


def test_author_may_name_the_groups_but_not_past_what_they_are_for(store: Store, now: datetime) -> None:
    with store.write() as connection:
        add_group(connection, "named", ("webhook", "https://named.example/"), regions=["US"])
        add_group(connection, "trainers", ("webhook", "https://train.example/"), statuses=["Exercise"])
        add_group(connection, "other", ("webhook", "https://other.example/"))
        issue(connection, 1, now=now, groups=["named", "trainers"])
    assert [row.recipient for row in rows(store, delivery)] == ["https://named.example/"]


def test_end_reaches_whoever_heard_of_the_beginning(store: Store, now: datetime) -> None:
    with store.write() as connection:
        add_group(connection, "grave only", ("webhook", "https://grave.example/"), least_level=3)
        first = issue(connection, 1, now=now)
    hook = Recorder("webhook")
    from alerts.ledger import work

    work(store, {"webhook": hook}, "w", now=now)
    later = now + timedelta(minutes=5)
    with store.write() as connection:
        second = issue(connection, 2, now=later, kind="update", level=Level.BLUE, earlier=[first])
    work(store, {"webhook": hook}, "w", now=later)
    with store.write() as connection:
        last = later + timedelta(minutes=5)
        issue(connection, 3, now=last, kind="cancel", level=Level.BLUE, earlier=[first, second])
    work(store, {"webhook": hook}, "w", now=last)
    assert [message.about[-1] for message in hook.sent] == ["1", "2", "3"]


GROUPS = b"""name,statuses,regions,hazards,least_level,quiet_from,quiet_to,quiet_up_to,escalate_to,escalate_after
county,Actual Test,CHN,rain flood,yellow,22:00,07:00,yellow,chiefs,10 min
chiefs,,,,,,,,,
public,,,,,,,,,
unreal,Real,,,,,,,,
nowhere,,XX-00,,,,,,,
night,,,,,25:00,07:00,,,
half,,,,,22:00,,,,
deaf,,,,,22:00,07:00,red,,
alone,,,,,,,,chiefs,
loop,,,,,,,,loop,1 min
lost,,,,,,,,nobody there,1 min
"""


def test_groups_come_in_and_every_wrong_line_says_why(store: Store, index: RegionIndex) -> None:
    code = str(index.code[0])
    body = GROUPS.replace(b"CHN", code.encode())
    with store.write() as connection:
        first = take_groups(connection, body, index)
    with store.write() as connection:
        second = take_groups(connection, body.replace(b"07:00,yellow", b"06:30,yellow"), index)
    assert (first.added, second.unchanged, second.changed) == (2, 1, 1)
    assert {one["line"]: one["reason"].split(":")[0] for one in first.rejected} == {
        4: "name", 5: "statuses", 6: "regions", 7: "quiet_from", 8: "quiet_from and quiet_to belong together",
        9: "quiet_up_to", 10: "escalate_to another group and escalate_after belong together",
        11: "escalate_to another group and escalate_after belong together", 12: "escalate_to",
    }  # fmt: skip
    row = rows(store, recipient_group)[0]
    assert (row.regions, row.quiet_to, row.escalate_after_s) == ([code], 390, 600)


def test_recipients_come_in_once_and_every_wrong_line_says_why(store: Store) -> None:
    body = (
        "\ufeffGroup,Channel,Address,Name,Locale\r\n"
        'county,email,a@example.org,"Li, Ming",zh\r\n'
        "county,webhook,https://hook.example/x,,\r\n"
        "\r\n"
        "county,email,a@example.org,,\r\n"
        "nobody,email,b@example.org,,\r\n"
        "county,fax,1234,,\r\n"
        "county,email,no address,,\r\n"
        "county,webhook,https://user:secret@hook.example/,,\r\n"
        "county,folder,../etc,,\r\n"
        "county,mqtt,a/#,,\r\n"
        "county,service,sms:+8613800000000,,fr\r\n"
        "county,email,c@example.org\r\n"
    ).encode()
    with store.write() as connection:
        add_group(connection, "county")
        first = take_recipients(connection, body)
    with store.write() as connection:
        connection.execute(recipient.update().values(active=False))
        second = take_recipients(connection, body)
    assert (first.added, second.added, second.changed) == (2, 0, 2)
    assert [one["line"] for one in first.rejected] == list(range(5, 14))
    assert first.rejected[0]["reason"] == "stands in the list twice"
    assert all(row.active for row in rows(store, recipient))
    assert rows(store, recipient)[0].name == "Li, Ming"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"name,address\n", "no column 'group'"),
        (b"group,channel,address,colour\n", "unknown column 'colour'"),
        ("group,channel,address\n政府,email,a@b.c\n".encode("gb18030"), "not UTF-8"),
        (b'group,channel,address\n"open,email,a@b.c\n', "not CSV"),
        (b"", "no column 'group'"),
    ],
    ids=["missing", "unknown", "encoding", "quotes", "empty"],
)
def test_list_that_cannot_be_read_says_why_and_takes_nothing(store: Store, body: bytes, reason: str) -> None:
    with store.write() as connection:
        taken = take_recipients(connection, body)
        hold(connection, by="x", why="y", now=datetime(2026, 3, 1, tzinfo=UTC))  # the transaction is still good
    assert taken.added == 0 and reason in taken.rejected[0]["reason"]
