"""Commands from the bus: who may send one, in which order they wait, how each is carried out."""
