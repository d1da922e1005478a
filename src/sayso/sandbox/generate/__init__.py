"""A believable shop out of a seed: people of twelve countries, what they bought and allowed."""
