"""The command line `charloom`: its options and its output. No stage of the pipeline imports this package."""
