"""Enrolment: accounts, roles and certificates at the broker, and the list of who is enrolled."""
