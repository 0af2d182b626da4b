"""Labelled data and what is read from it: the feature schema for live use, loaders, profiles, drift."""
