"""OGC API: Features, Tiles, Coverages, EDR and Records over our stores, for QGIS and other programs.

pygeoapi reads requests and writes answers; `resources` says which collections the present person has, `listed`,
`records` and `gridded` are its providers, `routes` puts it behind our guard. Nothing of it is HTML: people have
pages.
"""

from api.ogc.routes import blueprint

__all__ = ["blueprint"]
