"""Lines and polygons in stores: where each counts, how it is drawn at each zoom, and which touch a drawn area."""
