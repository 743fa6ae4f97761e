"""The closed lists of CAP: what may stand in its enumerated elements, in every version that is read.

Reference: OASIS, Common Alerting Protocol 1.2 (2010), section 3.2, the element tables.
"""

from __future__ import annotations

import re

from data.model import Level

CAP_12 = "urn:oasis:names:tc:emergency:cap:1.2"
VERSIONS = {
    "http://www.incident.com/cap/1.0": "1.0",
    "urn:oasis:names:tc:emergency:cap:1.0": "1.0",
    "urn:oasis:names:tc:emergency:cap:1.1": "1.1",
    CAP_12: "1.2",
}
STATUSES = ("Actual", "Exercise", "System", "Test", "Draft")
MESSAGE_TYPES = ("Alert", "Update", "Cancel", "Ack", "Error")
SCOPES = ("Public", "Restricted", "Private")
CATEGORIES = (
    "Geo", "Met", "Safety", "Security", "Rescue", "Fire", "Health", "Env", "Transport", "Infra", "CBRNE", "Other",
)  # fmt: skip
RESPONSE_TYPES = (
    "Shelter", "Evacuate", "Prepare", "Execute", "Avoid", "Monitor", "Assess", "AllClear", "None",
)  # fmt: skip
URGENCIES = ("Immediate", "Expected", "Future", "Past", "Unknown")
SEVERITIES = {
    "Extreme": Level.RED,
    "Severe": Level.ORANGE,
    "Moderate": Level.YELLOW,
    "Minor": Level.BLUE,
    "Unknown": Level.UNKNOWN,
}
CERTAINTIES = ("Observed", "Likely", "Possible", "Unlikely", "Unknown")

XMLDSIG = "http://www.w3.org/2000/09/xmldsig#"
SIGNATURE = f"{{{XMLDSIG}}}Signature"

# Characters that change what a reader sees: controls, direction overrides, lone surrogates.
UNSEEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
