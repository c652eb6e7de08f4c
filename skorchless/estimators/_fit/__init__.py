"""How samples are fitted: objective and grid from parameters, the loop, and the scores."""
