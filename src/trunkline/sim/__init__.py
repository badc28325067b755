"""The simulator and what else stands in for the world in tests: ``from trunkline.sim import Simulator``."""
