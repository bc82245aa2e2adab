"""The command line: what `charloom` understands and prints. No stage depends on it."""
