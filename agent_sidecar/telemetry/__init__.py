"""What the sidecar says: what was observed becomes messages, and they are said when due."""
