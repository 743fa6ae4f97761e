"""Files that leave the system: tables, grids, and printed maps with title, legend, sources and times."""
