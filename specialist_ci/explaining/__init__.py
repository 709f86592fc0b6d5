"""Says why a site fails: what to probe, the run with probes, and what it found."""
