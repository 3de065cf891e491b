"""Plain-loop float64 reference of the paper's equations, independent of the package under test."""
