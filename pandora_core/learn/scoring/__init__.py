"""A promoted model at work on live flows: its compiled form, warm-up, calibration, guard and hits."""
