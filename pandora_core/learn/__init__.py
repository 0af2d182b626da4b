"""From labelled data to a promoted model: data sets, preparation, training, figures, and the registry of versions.

Scikit-learn is imported by the modules of this package that need it, never by who merely imports the package.
"""
