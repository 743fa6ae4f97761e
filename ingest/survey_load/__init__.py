"""Loading of survey deliveries: files of a provider into checked Parquet, part by part, and into the catalogue."""
