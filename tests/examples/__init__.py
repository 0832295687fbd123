"""Complete bots, which the documentation shows and the tests run."""
