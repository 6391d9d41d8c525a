"""What runs inside of the sandboxes of the split judge. Standard library only."""
