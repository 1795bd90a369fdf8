"""What the sidecar says: findings become messages, and messages are said when they are due."""
