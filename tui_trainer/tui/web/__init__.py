"""The app in a browser: textual-serve behind an address that cannot be guessed."""
