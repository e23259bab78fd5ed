"""What asks models for candidates: completions, strategies, campaigns, estimation."""
