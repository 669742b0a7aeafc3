"""Books in a database, whichever it is: schema, statements, migrations, and the structs as rows."""
