"""Keys, the object store, run records and the pack. Only this package writes HDF5."""
