"""Steps from start to end: both sides measured, compared, confirmed and explained."""
