"""The tests; a package, so that the bench beside them can be run as a module."""
