"""Programs for a team: merge branches with results, show plots, publish the model."""
