"""Small sets in the layouts of the transfers' benchmarks, made of any photographs."""
