"""What fills the terminal: screens wire the store, the keys and the widgets."""
