"""What goes to other firms' programs, and comes from them, by signed HTTP calls."""
