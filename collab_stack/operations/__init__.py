"""What the verbs do, callable from Python; nothing here prints."""
