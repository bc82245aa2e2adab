"""An experiment you can run again to the last bit."""
