"""From an archive's files to calibrated values on the grid: one module per sensor."""
