"""Where set-up reads and writes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKS = ("world", "cn", "us")


@dataclass(frozen=True)
class Places:
    """Folders of one set-up run. Everything written is git-ignored."""

    root: Path = ROOT
    packs: tuple[str, ...] = PACKS

    @property
    def base(self) -> Path:
        return self.root / "data" / "var" / "base"

    @property
    def npm(self) -> Path:
        return self.root / "data" / "var" / "npm"

    @property
    def modules(self) -> Path:
        return self.npm / "node_modules"

    @property
    def assets(self) -> Path:
        return self.root / "assets"

    @property
    def vendor(self) -> Path:
        return self.root / "assets" / "vendor"

    @property
    def stamps(self) -> Path:
        return self.root / "data" / "var" / "stamps"
