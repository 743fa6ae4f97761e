"""The routes of the OGC API: each labelled for the guard, checked, and handed to pygeoapi."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, request

from access.guard import needs
from api.answers import fault, fresh
from api.ogc.names import CRS84, LANGUAGES
from data.errors import LayerError, NotPermitted

blueprint = Blueprint("ogc", __name__, url_prefix="/ogc")

logging.getLogger("pygeoapi").setLevel(logging.CRITICAL)  # it logs each missing parameter as a warning

SHOWN = frozenset({"f", "lang"})
FILTERS = ("filter", "filter-lang", "filter-crs")
ITEMS = SHOWN | {
    *FILTERS,
    "sortby",
    "bbox",
    "bbox-crs",
    "crs",
    "datetime",
    "limit",
    "offset",
    "properties",
    "skipGeometry",
    "resulttype",
}
COVERAGE = SHOWN | {"bbox", "datetime", "properties", "subset"}
QUERIES = SHOWN | {"coords", "bbox", "datetime", "parameter-name", "crs"}
NOT_OURS = ("text/html", "application/ld+json")
FILTER_SCHEMAS: Mapping[str, Mapping[str, Any]] = {
    "filter": {}, "filter-lang": {"enum": list(LANGUAGES), "default": LANGUAGES[0]},
    "filter-crs": {"format": "uri", "enum": [CRS84], "default": CRS84}, "sortby": {},
}  # fmt: skip
CONFORMS_TO = (
    "http://www.opengis.net/spec/ogcapi-common-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-common-2/1.0/conf/collections",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/geojson",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/oas30",
    "http://www.opengis.net/spec/ogcapi-features-3/1.0/conf/queryables",
    "http://www.opengis.net/spec/ogcapi-features-3/1.0/conf/queryables-query-parameters",
    "http://www.opengis.net/spec/ogcapi-features-3/1.0/conf/filter",
    "http://www.opengis.net/spec/ogcapi-features-3/1.0/conf/features-filter",
    "http://www.opengis.net/spec/cql2/1.0/conf/cql2-text",
    "http://www.opengis.net/spec/cql2/1.0/conf/cql2-json",
    "http://www.opengis.net/spec/cql2/1.0/conf/basic-cql2",
    "http://www.opengis.net/spec/cql2/1.0/conf/advanced-comparison-operators",
    "http://www.opengis.net/spec/cql2/1.0/conf/basic-spatial-functions",
    "http://www.opengis.net/spec/cql2/1.0/conf/basic-spatial-functions-plus",
    "http://www.opengis.net/spec/ogcapi-coverages-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-edr-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-edr-1/1.0/conf/covjson",
    "http://www.opengis.net/spec/ogcapi-records-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/mvt",
    "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/tileset",
)


@blueprint.get("/", strict_slashes=False)
@needs("watch.view")
def landing() -> Response:
    """The landing page."""
    return _answer(lambda core: core.landing_page)


@blueprint.get("/conformance")
@needs("watch.view")
def conformance() -> Response:
    """The classes of the standards that this follows."""
    unknown = set(request.args) - SHOWN
    return _wrong(f"There is no parameter {sorted(unknown)[0]}.") if unknown else fresh({"conformsTo": CONFORMS_TO})


@blueprint.get("/openapi")
@needs("watch.view")
def openapi() -> Response:
    """The definition of this interface for programs."""
    return _answer(lambda core: core.openapi_, definition=True)


@blueprint.get("/collections")
@needs("watch.view")
def collections() -> Response:
    """What there is for this person."""
    return _answer(lambda core: core.describe_collections)


@blueprint.get("/collections/<collection>")
@needs("watch.view")
def collection(collection: str) -> Response:
    """One collection."""
    return _answer(lambda core: core.describe_collections, collection)


@blueprint.get("/collections/<collection>/schema")
@needs("watch.view")
def schema(collection: str) -> Response:
    """The properties of its items."""
    return _answer(lambda core: core.get_collection_schema, collection)


@blueprint.get("/collections/<collection>/queryables")
@needs("watch.view")
def queryables(collection: str) -> Response:
    """What may be asked for by value."""
    from pygeoapi.api import itemtypes

    found = _answer(lambda _: itemtypes.get_collection_queryables, collection)
    if found.status_code == 200:  # what is not named there cannot be asked for
        found.set_data(json.dumps(json.loads(found.data) | {"additionalProperties": False}, ensure_ascii=False))
    return found


@blueprint.get("/collections/<collection>/items")
@needs("watch.view")
def items(collection: str) -> Response:
    """Items by box, time, and values of properties, page by page."""
    from pygeoapi.api import itemtypes

    return _geojson(_answer(lambda _: itemtypes.get_collection_items, collection, allowed=ITEMS, by_value=True))


@blueprint.get("/collections/<collection>/items/<path:item>")
@needs("watch.view")
def item(collection: str, item: str) -> Response:
    """One item."""
    from pygeoapi.api import itemtypes

    return _geojson(_answer(lambda _: itemtypes.get_collection_item, collection, item, allowed=SHOWN | {"crs"}))


@blueprint.get("/collections/<collection>/coverage")
@needs("watch.view")
def coverage(collection: str) -> Response:
    """A field as a coverage."""
    from pygeoapi.api import coverages

    return _answer(lambda _: coverages.get_collection_coverage, collection, allowed=COVERAGE)


@blueprint.get("/collections/<collection>/<any(position, area, cube):query>")
@needs("watch.view")
def edr(collection: str, query: str) -> Response:
    """EDR queries of a field."""
    from pygeoapi.api import environmental_data_retrieval as data

    return _answer(lambda _: data.get_collection_edr_query, collection, None, query, allowed=QUERIES)


@blueprint.get("/collections/<collection>/tiles")
@needs("watch.view")
def tilesets(collection: str) -> Response:
    """The sets of tiles of a collection."""
    from pygeoapi.api import tiles

    return _answer(lambda _: tiles.get_collection_tiles, collection)


@blueprint.get("/collections/<collection>/tiles/<matrix>")
@needs("watch.view")
def tileset(collection: str, matrix: str) -> Response:
    """One set of tiles."""
    from pygeoapi.api import tiles

    return _answer(lambda _: tiles.get_collection_tiles_metadata, collection, matrix)


@blueprint.get("/collections/<collection>/tiles/<matrix>/<zoom>/<row>/<column>")
@needs("watch.view")
def tile(collection: str, matrix: str, zoom: str, row: str, column: str) -> Response:
    """A tile."""
    from pygeoapi.api import tiles

    return _answer(lambda _: tiles.get_collection_tiles_data, collection, matrix, zoom, row, column, any_format=True)


@blueprint.get("/TileMatrixSets")
@needs("watch.view")
def matrix_sets() -> Response:
    """How tiles may be cut."""
    from pygeoapi.api import tiles

    return _answer(lambda _: tiles.tilematrixsets)


@blueprint.get("/TileMatrixSets/<matrix>")
@needs("watch.view")
def matrix_set(matrix: str) -> Response:
    """One way of cutting tiles."""
    from pygeoapi.api import tiles

    return _answer(lambda _: tiles.tilematrixset, matrix)


def _answer(
    choose: Callable[[Any], Any], *words: Any, allowed: frozenset[str] = SHOWN, by_value: bool = False,
    any_format: bool = False, definition: bool = False,
) -> Response:  # fmt: skip
    """What a function of pygeoapi answers, for what the present person may see."""
    import pygeoapi.api as core

    from api.ogc.resources import configuration

    core.setup_logger = lambda _: None  # it would set up logging anew for the whole process
    try:
        config = configuration(f"{request.host_url.rstrip('/')}/ogc")
        unknown = set(request.args) - allowed - (_queryable(config, words[0]) if by_value else set())
        if unknown:
            return _wrong(f"There is no parameter {sorted(unknown)[0]}.")
        if "datetime" in allowed:  # our providers say themselves what has no data; a day on its edge is no fault
            for one in config["resources"].values():
                one["extents"].pop("temporal", None)
        served = core.API(config, _definition(config) if definition else {})
        asked = core.APIRequest.from_flask(request, served.locales)
        if asked.format in ("html", "jsonld"):
            if "f" in request.args:
                return _wrong("There is no HTML and no JSON-LD: ask for f=json.")
            asked._format = None
        if not asked.is_valid(
            ["mvt", "png", "netcdf", "coveragejson"] if any_format or allowed is not SHOWN else None
        ):
            return _wrong("There is no such format.")
        if any_format and asked.format is None:
            asked._format = "mvt"
        if asked.format == "coveragejson":
            asked._format = "json"
        if "bbox" in request.args:
            core.validate_bbox(request.args["bbox"])
        kept = _filters(asked, config["resources"].get(words[0])) if by_value else {}
        headers, status, content = choose(core)(served, asked, *words)
    except NotPermitted as error:
        return fault(403, "not_permitted", str(error))
    except (LayerError, ValueError) as error:
        return _wrong(str(error))
    return _response(dict(headers), int(status), content, kept)


def _geojson(answer: Response) -> Response:
    """An answer with features under the type that is theirs (OGC 17-069r4, requirement 28)."""
    if answer.status_code == 200:
        answer.content_type = "application/geo+json"
    return answer


def _filters(asked: Any, collection: Any) -> dict[str, str]:
    """Take filters from a request, for our providers; pygeoapi reads another language. What links must carry on."""
    args = {name: asked.params[name] for name in asked.params}
    kept = {name: args.pop(name) for name in FILTERS if name in args}
    language = kept.get("filter-lang", LANGUAGES[0])
    if language not in LANGUAGES:
        raise ValueError(f"filter-lang is {' or '.join(LANGUAGES)}.")
    if kept.get("filter-crs", CRS84) != CRS84:
        raise ValueError(f"filter-crs is {CRS84} only.")
    for provider in collection["providers"] if collection and "filter" in kept else ():
        provider["filter"] = (kept["filter"], language)
    if "sortby" in args:  # a + is a space in an address
        names = [one.strip() for one in args["sortby"].split(",")]
        if not all(one.strip("+-") for one in names):
            raise ValueError("sortby is a list of properties, each with + or - before it.")
        args["sortby"] = ",".join(names)
    asked._args, asked._data = args, b""  # nor does it get a body to read a filter from
    return kept


def _response(headers: dict[str, str], status: int, content: Any, kept: Mapping[str, str]) -> Response:
    """The answer without links to forms that are not served, and with the filter in those to other pages."""
    kind = headers.get("Content-Type", "application/json")
    if "json" in kind and content:
        answer = _without(json.loads(content))
        for link in answer.get("links", []) if kept else ():
            link["href"] += f"&{urlencode(kept)}" if link["rel"] in ("self", "next", "prev") else ""
        content = json.dumps(answer, ensure_ascii=False, separators=(",", ":"))
    response = Response(content, status, content_type=kind)
    for name in ("Content-Crs", "Content-Language", "Content-Disposition"):
        if name in headers:
            response.headers[name] = headers[name]
    response.headers["Cache-Control"] = "no-store"
    return response


def _without(answer: Any) -> Any:
    if isinstance(answer, dict):
        links = [one for one in answer.get("links", []) if not _elsewhere(one)]
        return {name: links if name == "links" else _without(value) for name, value in answer.items()}
    return [_without(one) for one in answer] if isinstance(answer, list) else answer


def _elsewhere(link: Any) -> bool:
    """Whether a link leads to a form or a service that we do not have."""
    other = ("processes", "job-list")
    return isinstance(link, dict) and (link.get("type") in NOT_OURS or str(link.get("rel", "")).endswith(other))


def _queryable(config: dict[str, Any], collection: str) -> set[str]:
    """The properties of a collection's items that may be asked for by value."""
    from pygeoapi.plugin import load_plugin

    found = config["resources"].get(collection, {"providers": []})["providers"]
    single = [one for one in found if one["type"] in ("feature", "record")]
    if not single:
        return set()
    provider = load_plugin("provider", single[0])
    return set(provider.fields) | ({"q"} if single[0]["type"] == "record" else set())


def _definition(config: dict[str, Any]) -> Any:
    from pygeoapi.openapi import get_oas

    found = get_oas(config)
    for path, item in found["paths"].items():
        if path.endswith("/items"):
            item["get"]["parameters"] += [
                {"name": name, "in": "query", "required": False, "schema": {"type": "string", **values}}
                for name, values in FILTER_SCHEMAS.items()
            ]
    return found


def _wrong(message: str) -> Response:
    return fault(400, "InvalidParameterValue", message)
