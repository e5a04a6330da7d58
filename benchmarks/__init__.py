"""Speed and quality, measured; results lie in `results/` with machine and date."""
