"""What tiles are and what they show: the library of ready ones, reading one, counting, and the criteria behind each number."""
