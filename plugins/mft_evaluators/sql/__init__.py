"""Questions on databases: the published forms, schemas, databases, and what is done with the SQL of an answer."""
