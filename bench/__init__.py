"""The benchmarks (`make bench`): what the product costs at 10,000 and 100,000 persons, as ratios to the bare SQL."""
