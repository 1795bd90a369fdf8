"""Work by reference at the hub: tasks, blobs, boards, and who may touch which."""
