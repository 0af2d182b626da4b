"""The built-in log formats, one module a family; registered under the entry-point group ``pandora.formats``."""
