"""The evidence pack: a zip that is always written the same, with a manifest and the program that checks it."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Iterable
from pathlib import Path

from alerts.evidence.gather import Files, gather
from alerts.evidence.plain import canonical
from data.store.engine import Store

VERIFIER = Path(__file__).with_name("verify_pack.py")
README = """Evidence of one warning.

python3 verify_pack.py PACK.zip checks it: the digest of every file, what was approved against what was sent, the
signature (where signxml, lxml and cryptography are installed), the two people, the bodies of the deliveries, the
payloads, and the links of the audit chain. It needs nothing of the office. Take verify_pack.py from a place that you
trust, not from the pack that you doubt.

The pack holds addresses of recipients and names of staff. Entries of the audit chain that are about something else
stand in it by number and hash only. What should be here and is not is listed in manifest.json under "missing".
"""


def make_pack(store: Store, home: Path, base_dir: Path, id: int, anchors: Iterable[tuple[int, str]] = ()) -> bytes:
    """The bytes of the pack of a warning; see `gather`."""
    return write_pack(gather(store, home, base_dir, id, anchors), id)


def write_pack(files: Files, id: int) -> bytes:
    """A zip without compression, times and order of chance: its bytes depend on its files alone."""
    bodies = {**files.bodies, "README.txt": README.encode(), "verify_pack.py": VERIFIER.read_bytes()}
    manifest = {
        "form": 1,
        "warning": id,
        "files": {
            name: {"sha256": hashlib.sha256(body).hexdigest(), "size": len(body)} for name, body in bodies.items()
        },
        "missing": files.missing,
    }
    bodies["manifest.json"] = canonical(manifest)
    bodies["manifest.sha256"] = hashlib.sha256(bodies["manifest.json"]).hexdigest().encode()
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(bodies):
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.create_system, entry.external_attr = 3, 0o644 << 16
            archive.writestr(entry, bodies[name])
    return out.getvalue()
