"""Every table of the store. Alembic compares the database with this file."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Column, ForeignKey, Index, Integer, String, Table, Text
from sqlalchemy.engine import Dialect

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class UtcTime(sa.TypeDecorator[datetime]):
    """Aware UTC on both engines; a naive time is refused on the way in."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("time without a zone")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


Json = sa.JSON
Key = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def _column(name: str, kind: Any, *constraints: Any, **options: Any) -> Column[Any]:
    return Column(name, kind, *constraints, nullable=options.pop("nullable", False), **options)


payload = Table(
    "payload",
    metadata,
    Column("id", Key, primary_key=True),
    _column("source", String(80)),
    _column("sha256", String(64)),
    _column("size", Key),
    _column("received_at", UtcTime),
    _column("media_type", String(120), server_default=""),
    _column("name", Text, server_default=""),
    _column("url", Text, server_default=""),
    _column("status", Integer, nullable=True),
    _column("headers", Json),
    sa.UniqueConstraint("source", "sha256", "url"),
    Index(None, "source", "received_at"),
)

run = Table(
    "run",
    metadata,
    Column("id", Key, primary_key=True),
    _column("source", String(80)),
    _column("started_at", UtcTime),
    _column("finished_at", UtcTime),
    _column("outcome", String(20)),  # stored unchanged unreachable refused bad_payload failed
    _column("payload_id", Key, ForeignKey("payload.id"), nullable=True),
    _column("parsed", Integer, server_default="0"),
    _column("stored", Integer, server_default="0"),
    _column("unchanged", Integer, server_default="0"),
    _column("rejected", Integer, server_default="0"),
    _column("data_at", UtcTime, nullable=True),
    _column("reason", Text, server_default=""),
    _column("timings", Json),  # seconds: fetch, parse, store
    Index(None, "source", "id"),
)

reject = Table(
    "reject",
    metadata,
    Column("id", Key, primary_key=True),
    _column("source", String(80)),
    _column("payload_id", Key, ForeignKey("payload.id"), nullable=True),
    _column("native_id", Text),
    _column("reason", Text),
    _column("first_at", UtcTime),
    _column("last_at", UtcTime),
    _column("times", Integer, server_default="1"),
    sa.UniqueConstraint("source", "payload_id", "native_id", "reason"),
    Index(None, "source", "last_at"),
)

# What a source last did and when it is due; the schedule is read from here, never from the scheduler.
source_state = Table(
    "source_state",
    metadata,
    Column("source", String(80), primary_key=True),
    _column("enabled", sa.Boolean, server_default=sa.false()),
    _column("paused_by", String(200), server_default=""),
    _column("configured", String(64), server_default=""),  # digest of the configuration last carried out
    _column("next_run_at", UtcTime, nullable=True),
    _column("run_requested_at", UtcTime, nullable=True),
    _column("running_since", UtcTime, nullable=True),
    _column("last_attempt_at", UtcTime, nullable=True),
    _column("last_success_at", UtcTime, nullable=True),
    _column("last_data_at", UtcTime, nullable=True),  # newest observation time: what freshness is judged by
    _column("failing_since", UtcTime, nullable=True),
    _column("failures", Integer, server_default="0"),
    _column("reason", Text, server_default=""),
    _column("validators", Json),  # ETag and Last-Modified for the next conditional request
)

station = Table(
    "station",
    metadata,
    _column("source", String(80), primary_key=True),
    _column("id", String(120), primary_key=True),
    _column("name", Text, server_default=""),
    _column("lon", sa.Double),
    _column("lat", sa.Double),
    _column("elevation_m", sa.Double, nullable=True),
    _column("attributes", Json),
)

observation = Table(
    "observation",
    metadata,
    _column("source", String(80), primary_key=True),
    _column("quantity", String(80), primary_key=True),
    _column("station", String(120), primary_key=True),
    _column("observed_at", UtcTime, primary_key=True),
    _column("value", sa.Double, nullable=True),
    _column("unit", String(40)),
    _column("quality", String(10)),
    _column("received_at", UtcTime),
    _column("payload_id", Key, nullable=True),
    Index(None, "quantity", "observed_at"),
)

event = Table(
    "event",
    metadata,
    _column("source", String(80), primary_key=True),
    _column("id", String(120), primary_key=True),
    _column("kind", String(40)),
    _column("status", String(20)),
    _column("revision", Integer),
    _column("lon", sa.Double),
    _column("lat", sa.Double),
    _column("depth_km", sa.Double, nullable=True),
    _column("magnitude", sa.Double, nullable=True),
    _column("magnitude_type", String(20), server_default=""),
    _column("occurred_at", UtcTime),
    _column("updated_at", UtcTime),
    _column("title", Text, server_default=""),
    _column("url", Text, server_default=""),
    _column("aliases", Json),
    _column("attributes", Json),
    _column("same_as", String(120), nullable=True),  # id of the preferred report of the same event, where another is
    _column("received_at", UtcTime),
    _column("payload_id", Key, nullable=True),
    Index(None, "kind", "occurred_at"),
)

event_revision = Table(
    "event_revision",
    metadata,
    _column("source", String(80), primary_key=True),
    _column("id", String(120), primary_key=True),
    _column("digest", String(64), primary_key=True),
    _column("updated_at", UtcTime),
    _column("received_at", UtcTime),
    _column("payload_id", Key, nullable=True),
    _column("body", Json),
)

incoming_warning = Table(
    "incoming_warning",
    metadata,
    Column("key", String(64), primary_key=True),  # sha256 of sender, identifier, sent
    _column("source", String(80)),
    _column("id", Text),
    _column("sender", Text),
    _column("sent_at", UtcTime),
    _column("status", String(20)),
    _column("message_type", String(20)),
    _column("scope", String(20)),
    _column("level", Integer),
    _column("event", Text),
    _column("headline", Text),
    _column("severity", String(20)),
    _column("urgency", String(20)),
    _column("certainty", String(20)),
    _column("onset_at", UtcTime, nullable=True),
    _column("expires_at", UtcTime, nullable=True),
    _column("language", String(20)),
    _column("references", Json),
    _column("geometry", Json, nullable=True),
    _column("area", Text),
    _column("geocodes", Json),
    _column("infos", Json),
    _column("attributes", Json),
    _column("replaced_by", String(64), nullable=True),  # key of the Update or Cancel that refers to this message
    _column("received_at", UtcTime),
    _column("payload_id", Key, nullable=True),
    Index(None, "expires_at"),
    Index(None, "sender", "sent_at"),
)

field_step = Table(
    "field_step",
    metadata,
    Column("id", Key, primary_key=True),
    _column("source", String(80)),
    _column("quantity", String(80)),
    _column("run_at", UtcTime),
    _column("valid_at", UtcTime),
    _column("forecast", sa.Boolean),
    _column("accumulation_s", Integer),
    _column("unit", String(40)),
    _column("grid", String(64)),  # hash of the coordinates
    _column("digest", String(64)),  # hash of the values
    _column("store", Text),  # archive group, relative to the field archive
    _column("index", Integer),
    _column("west", sa.Double),
    _column("south", sa.Double),
    _column("east", sa.Double),
    _column("north", sa.Double),
    _column("missing_share", sa.Double),
    _column("attributes", Json),
    _column("received_at", UtcTime),
    _column("payload_id", Key, nullable=True),
    sa.UniqueConstraint("source", "quantity", "run_at", "valid_at", "accumulation_s", "grid"),
    Index(None, "quantity", "valid_at"),
    Index(None, "quantity", "source", "accumulation_s", "grid", "valid_at"),  # a series in order of time
)

# Where the region statistics of a step stand in the history file of its series.
region_slot = Table(
    "region_slot",
    metadata,
    _column("step_id", Key, ForeignKey("field_step.id", ondelete="CASCADE"), primary_key=True),
    _column("regions", String(16)),  # which regions: of the base data at that time
    _column("series", String(64)),  # hash of the series key: the name of the file
    _column("slot", Integer),
    sa.UniqueConstraint("regions", "series", "slot"),
)

# What was last made of which steps, or why nothing was: a derivation is done once for the same inputs.
derivation = Table(
    "derivation",
    metadata,
    _column("name", String(80), primary_key=True),
    _column("source", String(80), primary_key=True),
    _column("grid", String(64), primary_key=True),
    _column("run_at", UtcTime, primary_key=True),
    _column("valid_at", UtcTime, primary_key=True),
    _column("version", Integer),
    _column("inputs", Json),  # name of a need -> ids of steps
    _column("step_ids", Json),  # quantity -> id; empty where nothing came of it
    _column("note", Text),
    _column("at", UtcTime),
    Index(None, "valid_at"),
)

dataset = Table(
    "dataset",
    metadata,
    Column("id", Key, primary_key=True),
    _column("source", String(80)),
    _column("key", String(200)),
    _column("title", Text),
    _column("digest", String(64)),
    _column("path", Text),  # GeoParquet, relative to the survey folder
    _column(
        "tiles", Text, server_default=""
    ),  # PMTiles, relative to the survey folder; empty when none could be made
    _column("rows", Integer),
    _column("geometry_types", Json),
    _column("columns", Json),
    _column("rejected", Integer, nullable=True),  # records that could not be taken over; null is not known
    _column("west", sa.Double, nullable=True),
    _column("south", sa.Double, nullable=True),
    _column("east", sa.Double, nullable=True),
    _column("north", sa.Double, nullable=True),
    _column("crs_declared", Text),
    _column("notes", Json),
    _column("received_at", UtcTime),
    _column("payload_id", Key, nullable=True),
    sa.UniqueConstraint("source", "key", "digest"),
)

rule_version = Table(
    "rule_version",
    metadata,
    _column("rule", String(120), primary_key=True),
    _column("digest", String(64), primary_key=True),
    _column("version", String(40)),
    _column("pack", String(200)),
    _column("body", Json),
    _column("first_at", UtcTime),
)

# One row a rule: the whole state over its regions as columns, so that a step is one read and one write.
rule_state = Table(
    "rule_state",
    metadata,
    Column("rule", String(120), primary_key=True),
    _column("digest", String(64)),
    _column("enabled", sa.Boolean),  # a person's choice
    _column("loaded", sa.Boolean, server_default=sa.true()),  # in the files, and in force, at the last evaluation
    _column("evaluated_at", UtcTime, nullable=True),
    _column("watermark_at", UtcTime, nullable=True),
    _column("state", sa.LargeBinary, nullable=True),
    _column("seen_runs", Json, nullable=True),  # the runs that the last success could see: newest, missing
)

# Earlier states of a rule, from which a window is run again when a reading comes late.
rule_checkpoint = Table(
    "rule_checkpoint",
    metadata,
    _column("rule", String(120), primary_key=True),
    _column("at", UtcTime, primary_key=True),
    _column("digest", String(64)),
    _column("state", sa.LargeBinary),
)

# What a person does not want to be asked about for a time. Rows are never changed but for their early end.
mute = Table(
    "mute",
    metadata,
    Column("id", Key, primary_key=True),
    _column("rule", String(120), server_default=""),  # empty: any; so with hazard and region
    _column("hazard", String(120), server_default=""),
    _column("region", String(80), server_default=""),  # with all below it
    _column("up_to", Integer),  # a higher level is not muted
    _column("starts_at", UtcTime),
    _column("ends_at", UtcTime),
    _column("owner", String(255)),
    _column("reason", Text),
    _column("created_at", UtcTime),
    _column("ended_at", UtcTime, nullable=True),  # where a person ended it early
    _column("ended_by", String(255), server_default=""),
    Index(None, "ends_at"),
)

evaluation = Table(
    "evaluation",
    metadata,
    Column("id", Key, primary_key=True),
    _column("rule", String(120)),
    _column("digest", String(64)),
    _column("at", UtcTime),
    _column("outcome", String(20)),  # fired quiet unknown error
    _column("watched", Integer),
    _column("firing", Integer),
    _column("unknown", Integer),
    _column("transitions", Integer),
    _column("seconds", sa.Double),
    _column("reason", Text, server_default=""),
    Index(None, "rule", "id"),
)

transition = Table(
    "transition",
    metadata,
    Column("id", Key, primary_key=True),
    _column("rule", String(120)),
    _column("digest", String(64)),
    _column("region", String(80)),
    _column("at", UtcTime),
    _column("from_phase", String(12)),
    _column("to_phase", String(12)),
    _column("from_level", Integer),
    _column("to_level", Integer),
    _column("reason", String(40)),
    _column("value", sa.Double, nullable=True),
    _column("value_at", UtcTime, nullable=True),
    _column("proposal_id", Key, nullable=True),
    Index(None, "region", "id"),
)

proposal = Table(
    "proposal",
    metadata,
    Column("id", Key, primary_key=True),
    _column("created_at", UtcTime),
    _column("updated_at", UtcTime),
    _column("rule", String(120)),
    _column("digest", String(64)),
    _column("hazard", String(40)),
    _column("level", Integer),
    _column("reason", String(40)),
    _column("regions", Json),  # codes
    _column("state", String(20)),  # open superseded closed
    _column("superseded_by", Key, nullable=True),
    _column("detail", Json),
    Index(None, "state", "id"),
)

# The map's picture: one byte a region in rid order, written with the evaluation that changed it.
level_snapshot = Table(
    "level_snapshot",
    metadata,
    Column("id", Integer, primary_key=True),
    _column("at", UtcTime),
    _column("levels", sa.LargeBinary),
    _column("counts", Json),
)

topic_version = Table(
    "topic_version",
    metadata,
    Column("topic", String(20), primary_key=True),
    _column("version", Key),
)

change = Table(
    "change",
    metadata,
    Column("id", Key, primary_key=True),
    _column("version", Key),
    _column("at", UtcTime),
    _column("topic", String(20)),
    _column("subject", String(240)),
    _column("level", Integer),
    _column("kind", String(40)),
    _column("detail", Json),
    Index(None, "at"),
)

leader = Table(
    "leader",
    metadata,
    Column("name", String(40), primary_key=True),
    _column("epoch", Key),
    _column("holder", String(200)),
    _column("heartbeat_at", UtcTime),
)

# What the operator must hear of: one open row a cause.
notice = Table(
    "notice",
    metadata,
    Column("id", Key, primary_key=True),
    _column("cause", String(200)),
    _column("opened_at", UtcTime),
    _column("last_at", UtcTime),
    _column("closed_at", UtcTime, nullable=True),
    _column("detail", Json),
    Index("ix_notice_open", "cause", unique=True, sqlite_where=sa.text("closed_at IS NULL"),
          postgresql_where=sa.text("closed_at IS NULL")),
)  # fmt: skip

# The queue: one row a message, channel and recipient. A row of a warning points at its approval: without one there is
# none.
delivery = Table(
    "delivery",
    metadata,
    Column("id", Key, primary_key=True),
    _column("key", String(64), unique=True),
    _column("notice_id", Key, ForeignKey("notice.id"), nullable=True),
    _column("warning_id", Key, ForeignKey("warning.id"), nullable=True),
    _column("approval_id", Key, ForeignKey("approval.id"), nullable=True),
    _column("channel", String(40)),
    _column("recipient", Text),
    _column("recipient_group", String(120), server_default=""),
    _column("locale", String(8), server_default=""),
    _column("payload_sha256", String(64), ForeignKey("outgoing.sha256")),
    _column("state", String(12)),  # pending leased sent failed expired superseded
    _column("priority", Integer, server_default="0"),  # greater goes first
    _column("attempts", Integer, server_default="0"),
    _column("next_at", UtcTime),
    _column("expires_at", UtcTime, nullable=True),  # nothing is sent after it
    _column("lease_by", String(120), server_default=""),
    _column("lease_until", UtcTime, nullable=True),
    _column("sent_at", UtcTime, nullable=True),
    _column("receipt", Text, server_default=""),
    _column("error", Text, server_default=""),
    _column("created_at", UtcTime),
    _column("acknowledged_at", UtcTime, nullable=True),
    _column("token_sha256", String(64), server_default=""),  # of the link that acknowledges
    sa.CheckConstraint("(notice_id IS NULL) = (approval_id IS NOT NULL)", name="one_reason"),
    sa.CheckConstraint("(warning_id IS NULL) = (approval_id IS NULL)", name="approved"),
    Index(None, "state", "next_at"),
    Index(None, "warning_id"),
)

user = Table(
    "user",
    metadata,
    Column("id", Integer, primary_key=True),
    _column("email", String(255), unique=True),
    _column("password", String(255), nullable=True),
    _column("active", sa.Boolean),
    _column("handle", String(64)),  # random: what an authenticator keeps instead of who it is
    _column("name", String(200), server_default=""),
    _column("locale", String(8), server_default=""),
    _column("created_at", UtcTime),
    _column("last_login_at", UtcTime, nullable=True),
    sa.UniqueConstraint("handle", name="uq_user_fs_uniquifier"),  # the column's first name; SQLite keeps the word
)

role = Table(
    "role",
    metadata,
    Column("id", Integer, primary_key=True),
    _column("name", String(40), unique=True),
    _column("permissions", Text, nullable=True),
)

user_role = Table(
    "user_role",
    metadata,
    _column("user_id", Integer, ForeignKey("user.id"), primary_key=True),
    _column("role_id", Integer, ForeignKey("role.id"), primary_key=True),
)

# Where and for what an account's roles hold; no row of a kind is everywhere, or everything.
user_scope = Table(
    "user_scope",
    metadata,
    _column("user_id", Integer, ForeignKey("user.id"), primary_key=True),
    _column("kind", String(10), primary_key=True),  # region hazard level sector
    _column("value", String(80), primary_key=True),
)

# A session is a row: the cookie holds a random token, the row its hash.
user_session = Table(
    "user_session",
    metadata,
    Column("id", Key, primary_key=True),
    _column("token_sha256", String(64), unique=True),
    _column("user_id", Integer, ForeignKey("user.id")),
    _column("began_at", UtcTime),
    _column("seen_at", UtcTime),
    _column("ended_at", UtcTime, nullable=True),
    _column("ended_by", String(255), server_default=""),
    _column("second_factor", sa.Boolean),
    _column("proved_at", UtcTime),
    _column("proved_by", String(20)),  # password totp webauthn oidc
    _column("proved_twice", sa.Boolean),
    _column("address", String(64), server_default=""),
    _column("agent", String(300), server_default=""),
    Index(None, "user_id", "ended_at"),
)

user_factor = Table(
    "user_factor",
    metadata,
    Column("id", Key, primary_key=True),
    _column("user_id", Integer, ForeignKey("user.id")),
    _column("kind", String(10)),  # totp webauthn
    _column("name", String(100)),
    _column("secret", Text, server_default=""),  # totp: encrypted with a key that is not in the store
    _column("counter", Key, server_default="0"),  # totp: the last time step used; webauthn: the signature counter
    _column("credential", String(1400), nullable=True, unique=True),
    _column("public_key", Text, server_default=""),
    _column("site", String(255), server_default=""),  # webauthn: the host that it is for
    _column("created_at", UtcTime),
    _column("used_at", UtcTime, nullable=True),
    Index(None, "user_id"),
)

recovery_code = Table(
    "recovery_code",
    metadata,
    Column("id", Key, primary_key=True),
    _column("user_id", Integer, ForeignKey("user.id")),
    _column("code_hash", String(64)),
    _column("created_at", UtcTime),
    _column("used_at", UtcTime, nullable=True),
    sa.UniqueConstraint("user_id", "code_hash"),
)

# A link by which a person takes over an account, or chooses a new password, once.
invitation = Table(
    "invitation",
    metadata,
    Column("id", Key, primary_key=True),
    _column("token_sha256", String(64), unique=True),
    _column("user_id", Integer, ForeignKey("user.id")),
    _column("made_by", String(255)),
    _column("created_at", UtcTime),
    _column("used_at", UtcTime, nullable=True),
    Index(None, "user_id"),
)

# Who an account is at the office's provider of identities.
user_identity = Table(
    "user_identity",
    metadata,
    _column("issuer", String(500), primary_key=True),
    _column("subject", String(255), primary_key=True),
    _column("user_id", Integer, ForeignKey("user.id")),
)

first_run = Table(
    "first_run",
    metadata,
    Column("id", Integer, primary_key=True),
    _column("token_sha256", String(64)),
    _column("created_at", UtcTime),
    _column("used_at", UtcTime, nullable=True),
)

# Hash-linked; triggers in the migration refuse UPDATE and DELETE.
audit = Table(
    "audit",
    metadata,
    Column("seq", Key, primary_key=True, autoincrement=False),
    _column("at", UtcTime),
    _column("actor", String(255)),
    _column("action", String(60)),
    _column("object", Text),
    _column("detail", Json),
    _column("previous", String(64)),
    _column("hash", String(64), unique=True),
)

# Each evaluation of the rules: what of the runs it saw, so that a recorded day can be played again exactly.
evaluation_round = Table(
    "evaluation_round",
    metadata,
    Column("id", Key, primary_key=True),
    _column("at", UtcTime),
    _column("seen_run", Key),  # the newest row of `run` that was visible
    Index(None, "at"),
)

# The exercise that a home is for: where its clock stands, and what a person asked of it. At most one row.
exercise = Table(
    "exercise",
    metadata,
    Column("id", Integer, primary_key=True),
    _column("kind", String(20)),  # replay demo drill
    _column("scenario", String(80)),
    _column("digest", String(64)),
    _column("title", Json),  # en, zh
    _column("begin_at", UtcTime),
    _column("until_at", UtcTime),
    _column("at", UtcTime, nullable=True),  # scenario time up to which everything is done; NULL before the first
    _column("next_at", UtcTime, nullable=True),  # the clock of the pages does not pass this before it is done
    _column("wall_at", UtcTime),  # when `at` was written
    _column("speed", sa.Double),  # scenario seconds a second; 0 while it does not run by the clock
    _column("state", String(20)),  # catching-up running paused done
    _column("asked_speed", sa.Double),
    _column("asked_pause", sa.Boolean, server_default=sa.false()),
)

exercise_log = Table(
    "exercise_log",
    metadata,
    Column("id", Key, primary_key=True),
    _column("wall_at", UtcTime),
    _column("at", UtcTime, nullable=True),
    _column("actor", String(240)),
    _column("action", String(40)),  # begin resume pause speed end
    _column("detail", Json),
)

# A rule's trial on the past, by the digest of the rule that was tried.
proof = Table(
    "proof",
    metadata,
    Column("id", Key, primary_key=True),
    _column("rule", String(120)),
    _column("version", String(40)),
    _column("digest", String(64)),
    _column("at", UtcTime),
    _column("by", String(255)),
    _column("report", Json),
    Index(None, "digest", "id"),
)

# What really happened, as people tell it afterwards: warnings are scored against it.
truth_event = Table(
    "truth_event",
    metadata,
    _column("key", String(64), primary_key=True),  # hash of what it says: told twice is told once
    _column("hazard", String(80)),
    _column("region", String(80), server_default=""),  # a code, or empty where a point is given
    _column("lon", sa.Double, nullable=True),
    _column("lat", sa.Double, nullable=True),
    _column("radius_km", sa.Double, nullable=True),
    _column("start_at", UtcTime),
    _column("end_at", UtcTime),
    _column("level", Integer),  # 0 where none was given
    _column("source", Text),
    _column("status", String(20)),  # observed reconstruction
    _column("added_at", UtcTime),
    _column("added_by", String(255)),
    Index(None, "start_at"),
)

# A rule as a person wrote it: each version is kept for ever. Triggers in the migration refuse UPDATE and DELETE, as
# on `rule_decision`. What was evaluated, of files and of these, is in `rule_version`.
rule_edition = Table(
    "rule_edition",
    metadata,
    _column("rule", String(120), primary_key=True),
    _column("number", Integer, primary_key=True, autoincrement=False),
    _column("version", String(40)),
    _column("digest", String(64)),
    _column("text", Text),
    _column("based_on", String(64), server_default=""),  # digest of the rule of the files at that time
    _column("at", UtcTime),
    _column("by", String(255)),
    _column("why", Text),
    sa.UniqueConstraint("rule", "digest"),
)

# What people decided of a rule's versions, in order; the newest rows say what runs and what waits.
rule_decision = Table(
    "rule_decision",
    metadata,
    Column("id", Key, primary_key=True),
    _column("rule", String(120)),
    _column("number", Integer, nullable=True),  # NULL: of the rule as such, when it is switched off
    _column("decision", String(20)),  # proposed withdrawn enabled disabled
    _column("at", UtcTime),
    _column("by", String(255)),
    _column("why", Text),
    _column("proof_id", Key, ForeignKey("proof.id"), nullable=True),
    Index(None, "rule", "id"),
)

# Unfinished text of a person.
rule_draft = Table(
    "rule_draft",
    metadata,
    _column("rule", String(120), primary_key=True),
    _column("person", String(255), primary_key=True),
    _column("text", Text),
    _column("at", UtcTime),
)

# Who has had the report of a trial before their eyes.
proof_opening = Table(
    "proof_opening",
    metadata,
    _column("proof_id", Key, ForeignKey("proof.id"), primary_key=True),
    _column("person", String(255), primary_key=True),
    _column("at", UtcTime),
)

# A trial that a person has asked for on the page; a process of its own works on it.
proof_job = Table(
    "proof_job",
    metadata,
    Column("id", Key, primary_key=True),
    _column("rule", String(120)),
    _column("digest", String(64)),
    _column("text", Text),
    _column("asked", Json),  # history, since, until, officers, names of the tables
    _column("history", sa.LargeBinary, nullable=True),  # tables as they were given; taken away when it has ended
    _column("truth", sa.LargeBinary, nullable=True),
    _column("at", UtcTime),
    _column("by", String(255)),
    _column("state", String(20)),  # waiting running done failed cancelled
    _column("done", Integer, server_default="0"),
    _column("total", Integer, server_default="0"),
    _column("beat_at", UtcTime),
    _column("reason", Text, server_default=""),
    _column("proof_id", Key, nullable=True),
    Index(None, "rule", "id"),
)

# One message of the desk, from its first draft on. `chain` is the id of the first message about the same thing.
warning = Table(
    "warning",
    metadata,
    Column("id", Key, primary_key=True),
    _column("chain", Key, nullable=True),
    _column("kind", String(10)),  # alert update cancel
    _column("status", String(10)),  # Actual Exercise Test, as CAP writes them
    _column("state", String(12)),  # draft submitted approved issued discarded
    _column("hazard", String(80)),
    _column("level", Integer),
    _column("proposal_id", Key, nullable=True),
    _column("rule", String(120), server_default=""),
    _column("digest", String(64), server_default=""),
    _column("content", Json),
    _column("content_sha256", String(64)),
    _column("edition", Integer),  # number of the newest row of `warning_edition`
    _column("author", String(255)),  # who submitted it, or last wrote it
    _column("created_at", UtcTime),
    _column("updated_at", UtcTime),
    _column("submitted_at", UtcTime, nullable=True),
    _column("approval_id", Key, nullable=True),
    _column("identifier", String(200), nullable=True),
    _column("sender", String(200), server_default=""),
    _column("sent_at", UtcTime, nullable=True),
    _column("onset_at", UtcTime, nullable=True),
    _column("expires_at", UtcTime, nullable=True),
    _column("body", sa.LargeBinary, nullable=True),  # the message as it was approved
    _column("body_sha256", String(64), server_default=""),
    _column("signed", sa.LargeBinary, nullable=True),  # the exact bytes that go out
    _column("signed_sha256", String(64), server_default=""),
    _column("certificate_sha256", String(64), server_default=""),
    _column("issued_at", UtcTime, nullable=True),
    _column("replaced_by", Key, nullable=True),  # the Update or Cancel that was issued after it
    _column("unsigned_reason", Text, server_default=""),  # why an approved message could not be signed
    _column("lock_by", String(255), server_default=""),
    _column("lock_until", UtcTime, nullable=True),
    _column("frozen", Json, server_default="{}"),  # what held when its editor was opened: looked at again when signed
    sa.UniqueConstraint("sender", "identifier", "sent_at"),
    Index(None, "state", "id"),
    Index(None, "chain"),
    Index(None, "expires_at"),
)

# Every text that was saved. Triggers refuse UPDATE and DELETE, as on the two tables that follow.
warning_edition = Table(
    "warning_edition",
    metadata,
    _column("warning_id", Key, ForeignKey("warning.id"), primary_key=True),
    _column("number", Integer, primary_key=True, autoincrement=False),
    _column("content", Json),
    _column("content_sha256", String(64)),
    _column("by", String(255)),
    _column("at", UtcTime),
)

# What people did with it, in order.
warning_decision = Table(
    "warning_decision",
    metadata,
    Column("id", Key, primary_key=True),
    _column("warning_id", Key, ForeignKey("warning.id")),
    _column("edition", Integer),
    _column("decision", String(20)),  # submitted rejected approved voided discarded taken-over
    _column("by", String(255)),
    _column("at", UtcTime),
    _column("why", Text, server_default=""),
    Index(None, "warning_id", "id"),
)

# The second signature: somebody else than the author, over exact bytes.
approval = Table(
    "approval",
    metadata,
    Column("id", Key, primary_key=True),
    _column("warning_id", Key, ForeignKey("warning.id")),
    _column("edition", Integer),
    _column("content_sha256", String(64)),
    _column("body_sha256", String(64)),
    _column("author", String(255)),
    _column("approver", String(255)),
    _column("at", UtcTime),
    _column("method", String(20)),  # how the approver proved to be there
    _column("proved_at", UtcTime),
    _column("standing_order_id", Key, nullable=True),
    _column("record", Json),  # the signature record as it is printed and exported
    sa.CheckConstraint("author <> approver", name="two_people"),
    sa.UniqueConstraint("warning_id", "edition"),
)

# A rule, its texts and area signed by two people in advance, for as long as it says.
standing_order = Table(
    "standing_order",
    metadata,
    Column("id", Key, primary_key=True),
    _column("rule", String(120)),
    _column("digest", String(64)),  # of the rule that was signed; another version needs another signature
    _column("least_level", Integer),
    _column("content", Json),
    _column("content_sha256", String(64)),
    _column("why", Text),
    _column("first_by", String(255)),
    _column("first_at", UtcTime),
    _column("second_by", String(255), nullable=True),
    _column("second_at", UtcTime, nullable=True),
    _column("starts_at", UtcTime),
    _column("ends_at", UtcTime),
    _column("ended_at", UtcTime, nullable=True),
    _column("ended_by", String(255), server_default=""),
    sa.CheckConstraint("second_by IS NULL OR second_by <> first_by", name="two_people"),
    Index(None, "rule"),
)

# Who is to hear of what.
recipient_group = Table(
    "recipient_group",
    metadata,
    Column("id", Key, primary_key=True),
    _column("name", String(120), unique=True),
    _column("statuses", Json),  # Actual Exercise Test: a group hears of these only
    _column("regions", Json),  # codes, with all below; empty is everywhere
    _column("hazards", Json),  # empty is every hazard
    _column("least_level", Integer),
    _column("quiet_from", Integer, nullable=True),  # minutes after midnight in the operator's zone
    _column("quiet_to", Integer, nullable=True),
    _column("quiet_up_to", Integer, server_default="0"),  # levels up to this one wait until quiet hours end
    _column("escalate_to", String(120), server_default=""),  # a group that hears of it when nobody acknowledges
    _column("escalate_after_s", Integer, nullable=True),
    _column("enabled", sa.Boolean, server_default=sa.true()),
)

recipient = Table(
    "recipient",
    metadata,
    Column("id", Key, primary_key=True),
    _column("group_id", Key, ForeignKey("recipient_group.id")),
    _column("channel", String(40)),
    _column("address", Text),
    _column("name", String(200), server_default=""),
    _column("locale", String(8), server_default=""),
    _column("active", sa.Boolean, server_default=sa.true()),
    _column("failed_at", UtcTime, nullable=True),
    _column("reason", Text, server_default=""),
    sa.UniqueConstraint("group_id", "channel", "address"),
)

# A browser of somebody who asked to be told on it.
push_subscription = Table(
    "push_subscription",
    metadata,
    Column("id", Key, primary_key=True),
    _column("endpoint", Text, unique=True),
    _column("p256dh", Text),
    _column("auth", Text),
    _column("regions", Json),
    _column("least_level", Integer),
    _column("locale", String(8)),
    _column("created_at", UtcTime),
    _column("gone_at", UtcTime, nullable=True),
)

# What is sent, once for all who get the same.
outgoing = Table(
    "outgoing",
    metadata,
    Column("sha256", String(64), primary_key=True),
    _column("form", String(20)),  # cap notice email sms chat push
    _column("locale", String(8), server_default=""),
    _column("body", sa.LargeBinary),
    _column("created_at", UtcTime),
)

# Every attempt of a delivery and what came of it.
delivery_attempt = Table(
    "delivery_attempt",
    metadata,
    Column("id", Key, primary_key=True),
    _column("delivery_id", Key, ForeignKey("delivery.id")),
    _column("at", UtcTime),
    _column("outcome", String(12)),  # sent retry failed
    _column("receipt", Text, server_default=""),
    _column("error", Text, server_default=""),
    Index(None, "delivery_id", "id"),
)

# Deliveries that wait for a person. Rows are never changed but for their end.
dispatch_hold = Table(
    "dispatch_hold",
    metadata,
    Column("id", Key, primary_key=True),
    _column("at", UtcTime),
    _column("by", String(255)),
    _column("why", Text),
    _column("before_at", UtcTime, nullable=True),  # what was queued up to then waits; NULL: all but later notices
    _column("ended_at", UtcTime, nullable=True),
    _column("ended_by", String(255), server_default=""),
)

# A shift given from one officer to the next. Triggers refuse any change but being taken over, once.
handover = Table(
    "handover",
    metadata,
    Column("number", Key, primary_key=True),
    _column("since", UtcTime, nullable=True),  # the handover before
    _column("at", UtcTime),
    _column("outgoing", String(255)),
    _column("incoming", String(255), nullable=True),
    _column("accepted_at", UtcTime, nullable=True),
    _column("notes", Text),
    _column("content", Json),  # what there was, as it was shown
    _column("content_sha256", String(64)),
    sa.CheckConstraint("incoming IS NULL OR incoming <> outgoing", name="two_people"),
    sa.CheckConstraint("(incoming IS NULL) = (accepted_at IS NULL)", name="taken_whole"),
)

# What surveys there are. The records of a dataset stand in deliveries; the one store of it serves them.
survey_dataset = Table(
    "survey_dataset",
    metadata,
    Column("name", String(80), primary_key=True),
    _column("title", Json),  # en and zh
    _column("level", String(12)),  # national provincial municipal county
    _column("unit", String(40), server_default=""),  # region whose database it belongs to; "" is none
    _column("sector", String(40)),  # keys of data/surveys: sectors.yaml and kinds.yaml
    _column("kind", String(60)),
    _column("data_class", String(12)),  # public shared restricted secret
    _column("licence", Text, server_default=""),
    _column("provenance", Text, server_default=""),
    _column("record_schema", Json),  # layers.survey.schema.Schema
    _column("mapping", Json),  # provider's columns into ours, as a person confirmed it
    _column("created_at", UtcTime),
    _column("created_by", String(255)),
    sa.CheckConstraint("level IN ('national', 'provincial', 'municipal', 'county')", name="level"),
    sa.CheckConstraint("data_class IN ('public', 'shared', 'restricted', 'secret')", name="class"),
)

# One delivery of a dataset. Its files and facts stay as they came; only its state moves on.
survey_delivery = Table(
    "survey_delivery",
    metadata,
    Column("id", Key, primary_key=True),
    _column("dataset", String(80), ForeignKey("survey_dataset.name")),
    _column("version", Integer),  # 1, 2, 3 within its dataset
    _column("mode", String(8)),  # replace append amend
    _column("unit", String(40), server_default=""),  # region that submitted it; "" is not said
    _column("state", String(12)),  # loaded inspected passed returned served replaced
    _column("folder", Text),  # of its Parquet files, relative to the home folder
    _column("digest", String(64)),  # of its content, whatever the files are called
    _column("rows", Integer),
    _column("refused", Integer),
    _column("sources", Json),  # name, size and sha256 of every file that came
    _column("notes", Json),
    _column("received_at", UtcTime),
    _column("received_by", String(255)),
    _column("answers", Key, ForeignKey("survey_delivery.id"), nullable=True),  # the returned one that it puts right
    sa.UniqueConstraint("dataset", "version"),
    sa.CheckConstraint("mode IN ('replace', 'append', 'amend')", name="mode"),
)

# What happened to a delivery: append only.
survey_trace = Table(
    "survey_trace",
    metadata,
    Column("id", Key, primary_key=True),
    _column("delivery_id", Key, ForeignKey("survey_delivery.id")),
    _column("at", UtcTime),
    _column("by", String(255)),
    _column("state", String(12)),  # the state that it came to
    _column("detail", Json),
    Index(None, "delivery_id", "id"),
)

# One delivery on its way to or from another Tocsin, and what became of it there.
exchange_transfer = Table(
    "exchange_transfer",
    metadata,
    Column("id", Key, primary_key=True),
    _column("peer", String(40)),
    _column("direction", String(3)),  # out in
    _column("dataset", String(80)),  # as it is called here
    _column("delivery_id", Key, ForeignKey("survey_delivery.id"), nullable=True),  # in: once it has arrived
    _column("version", Integer),  # at the sender
    _column("content", String(64)),  # digest of its files
    _column("state", String(12)),  # moving arrived refused
    _column("chunks", Integer),
    _column("chunks_there", Integer),  # that the receiver has
    _column("bytes", Key),
    _column("bytes_sent", Key),  # over the line; less than `bytes` where the receiver had a part already
    _column("reason", Text, server_default=""),  # why it was refused, or why it waits
    _column("receipt", Json, nullable=True),  # signed by the receiver
    _column("verdict", Json, nullable=True),  # state at the receiver, signed by it, with its list of faults
    _column("started_at", UtcTime),
    _column("updated_at", UtcTime),
    sa.UniqueConstraint("peer", "direction", "content"),
    sa.CheckConstraint("direction IN ('out', 'in')", name="direction"),
    sa.CheckConstraint("state IN ('moving', 'arrived', 'refused')", name="state"),
)

# The last time that a peer was visited by itself; while it goes on, whoever carries it out says so in `alive_at`.
exchange_visit = Table(
    "exchange_visit",
    metadata,
    Column("peer", String(40), primary_key=True),
    _column("began_at", UtcTime),
    _column("alive_at", UtcTime),
    _column("ended_at", UtcTime, nullable=True),
    _column("whole_at", UtcTime, nullable=True),  # when last everything had arrived
    _column("arrived", Integer),  # deliveries of that visit that are there
    _column("missing", Integer),  # and that are not
    _column("reason", Text, server_default=""),  # why it ended early
)

# Deliveries that a person wants on the map; `alive_at` as above.
survey_serving = Table(
    "survey_serving",
    metadata,
    Column("id", Key, primary_key=True),
    _column("delivery_id", Key, ForeignKey("survey_delivery.id")),
    _column("asked_at", UtcTime),
    _column("asked_by", String(255)),
    _column("alive_at", UtcTime, nullable=True),
    _column("ended_at", UtcTime, nullable=True),
    _column("error", Text, server_default=""),
    Index(None, "delivery_id"),
)

# One run of the rules over a delivery; its findings lie in `folder` below the home folder.
survey_inspection = Table(
    "survey_inspection",
    metadata,
    Column("id", Key, primary_key=True),
    _column("delivery_id", Key, ForeignKey("survey_delivery.id")),
    _column("at", UtcTime),
    _column("by", String(255)),
    _column("rules", String(64)),  # digest of the rules as they were
    _column("folder", Text),
    _column("summary", Json),  # rules with their counts, records, units
    Index(None, "delivery_id", "id"),
)

# A run that a person has asked for on the page; a process of its own works on it.
inspection_job = Table(
    "inspection_job",
    metadata,
    Column("id", Key, primary_key=True),
    _column("delivery_id", Key, ForeignKey("survey_delivery.id")),
    _column("actor", Json),  # who asked, with the roles and limits that were checked then
    _column("at", UtcTime),
    _column("state", String(20)),  # waiting running done failed cancelled
    _column("phase", String(20), server_default=""),
    _column("done", sa.BigInteger, server_default="0"),  # records
    _column("total", sa.BigInteger, server_default="0"),
    _column("beat_at", UtcTime),
    _column("reason", Text, server_default=""),
    Index(None, "delivery_id", "id"),
)

# How many records there ought to be: the newest of a dataset and unit counts.
survey_expected = Table(
    "survey_expected",
    metadata,
    Column("id", Key, primary_key=True),
    _column("dataset", String(80), ForeignKey("survey_dataset.name")),
    _column("unit", String(40)),
    _column("count", Integer),
    _column("source", Text),
    _column("at", UtcTime),
    _column("by", String(255)),
    Index(None, "dataset", "unit", "id"),
)

# Records drawn for a check in the field.
survey_sample = Table(
    "survey_sample",
    metadata,
    Column("id", Key, primary_key=True),
    _column("delivery_id", Key, ForeignKey("survey_delivery.id")),
    _column("seed", sa.BigInteger),
    _column("design", Json),
    _column("strata", Json),  # unit, kind, how many records there are and how many were drawn
    _column("drawn_at", UtcTime),
    _column("drawn_by", String(255)),
    Index(None, "delivery_id", "id"),
)

survey_sample_record = Table(
    "survey_sample_record",
    metadata,
    Column("id", Key, primary_key=True),
    _column("sample_id", Key, ForeignKey("survey_sample.id")),
    _column("number", Integer),  # on the printed list
    _column("row", sa.BigInteger),  # within the delivery
    _column("record_id", Text),  # as the provider calls it
    _column("unit", String(40)),
    _column("kind", String(200)),
    _column("lon", sa.Float, nullable=True),
    _column("lat", sa.Float, nullable=True),
    _column("facts", Json),
    sa.UniqueConstraint("sample_id", "number"),
)

# What somebody found at a drawn record: append only, the newest counts.
survey_field_finding = Table(
    "survey_field_finding",
    metadata,
    Column("id", Key, primary_key=True),
    _column("record_id", Key, ForeignKey("survey_sample_record.id")),
    _column("outcome", String(12)),  # right faulty absent unreached
    _column("faults", Json),  # attribute and what it ought to be
    _column("note", Text, server_default=""),
    _column("found_by", String(255)),
    _column("found_at", UtcTime),
    _column("entered_by", String(255)),
    _column("entered_at", UtcTime),
    sa.CheckConstraint("outcome IN ('right', 'faulty', 'absent', 'unreached')", name="outcome"),
    Index(None, "record_id", "id"),
)

# What an office set for a dataset beside its class. Without a row the class alone says.
survey_terms = Table(
    "survey_terms",
    metadata,
    Column("dataset", String(80), primary_key=True),  # name of a store; a row of the catalogue is not needed
    _column("least", Integer, nullable=True),  # smallest count that is told; NULL: as the class says
    _column("accuracy_m", sa.Double, nullable=True),  # how far a mark may move a record; NULL: the usual
    _column("changed_at", UtcTime),
    _column("changed_by", String(255)),
)

# Somebody asks to see a dataset, somebody else decides. Rows are never changed but for decision and end.
survey_grant = Table(
    "survey_grant",
    metadata,
    Column("id", Key, primary_key=True),
    _column("dataset", String(80)),
    _column("asked_by", String(255)),
    _column("asked_at", UtcTime),
    _column("purpose", Text),
    _column("allows", String(10)),  # counts records export: each holds those before it
    _column("regions", Json),  # codes, with all below; empty is everywhere
    _column("facets", Json),  # facet -> values; empty is all
    _column("expires_at", UtcTime),
    _column("granted", sa.Boolean, nullable=True),  # NULL: nobody has decided
    _column("decided_at", UtcTime, nullable=True),
    _column("decided_by", String(255), nullable=True),
    _column("reason", Text, server_default=""),
    _column("revoked_at", UtcTime, nullable=True),
    _column("revoked_by", String(255), server_default=""),
    sa.CheckConstraint("allows IN ('counts', 'records', 'export')", name="allows"),
    sa.CheckConstraint("decided_by IS NULL OR decided_by <> asked_by", name="two_people"),
    sa.CheckConstraint("(granted IS NULL) = (decided_by IS NULL)", name="decided_whole"),
    Index(None, "dataset", "asked_by"),
)

# How often somebody read classified data, by the hour; each first reading also stands in the audit chain.
survey_read = Table(
    "survey_read",
    metadata,
    _column("dataset", String(80), primary_key=True),
    _column("reader", String(255), primary_key=True),
    _column("kind", String(12), primary_key=True),  # tiles counts rows export
    _column("hour", UtcTime, primary_key=True),
    _column("times", Integer),
)

# Every copy that left: by its number the mark in it is found again.
survey_copy = Table(
    "survey_copy",
    metadata,
    Column("id", Key, primary_key=True),
    _column("dataset", String(80)),
    _column("reader", String(255)),
    _column("at", UtcTime),
    _column("purpose", Text),
    _column("form", String(10)),  # csv geojson parquet
    _column("rows", Integer, nullable=True),  # NULL: it was not written to its end
    _column("step_deg", sa.Double),  # of the grid in which the mark lies
    Index(None, "dataset"),
)

# What a program shows instead of a session. It may read, as the account that made it.
api_token = Table(
    "api_token",
    metadata,
    Column("id", Key, primary_key=True),
    _column("token_sha256", String(64), unique=True),
    _column("user_id", Integer, ForeignKey("user.id")),
    _column("name", String(100)),
    _column("actions", Json),  # of access.matrix: what it is for
    _column("created_at", UtcTime),
    _column("expires_at", UtcTime),
    _column("used_at", UtcTime, nullable=True),
    _column("revoked_at", UtcTime, nullable=True),
    _column("revoked_by", String(255), server_default=""),
    Index(None, "user_id"),
)
