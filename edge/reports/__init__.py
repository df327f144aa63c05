"""The service review: months with facts."""
