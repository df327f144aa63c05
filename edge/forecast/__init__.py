"""What will be: waiting times and arrivals, pure."""
