"""Widgets shared by all screens: the virtual table, plots, the two status lines, dialogs, empty states."""
