"""Keys, the object store, run records, the pack: the only room that writes HDF5."""
