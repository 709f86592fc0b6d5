"""Snapshots beyond their run: kept between runs, and joined from the parts of a suite."""
