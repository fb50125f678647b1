"""Ways to look at a session. Each returns facts and never an opinion."""
