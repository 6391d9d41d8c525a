"""Which drafts are kept: each filter has a name, and a reason for every draft that it refuses."""
