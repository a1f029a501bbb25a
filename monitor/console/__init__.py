"""What people look at beside the SIEM: the recorded attack day, its story on a terminal and its page."""
