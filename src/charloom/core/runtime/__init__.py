"""The process of a stage or a command: its start and end, its inputs, the memory that it needs, and its machine."""
