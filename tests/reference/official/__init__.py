"""Official networks in float64 from their formulas, and miniature files in official formats."""
