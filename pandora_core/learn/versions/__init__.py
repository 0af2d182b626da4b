"""The registry of models: versions, their signatures, reports and parcels, and the work on them."""
