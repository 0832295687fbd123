"""An explicit-state model checker that drives the limiter itself through all orders."""
