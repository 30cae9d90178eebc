"""Keys, the object store, run records and the pack. Only this room writes HDF5."""
