"""How orak grows: costs measured here, and a simulation of larger deployments that uses them."""
