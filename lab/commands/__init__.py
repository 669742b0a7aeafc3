"""What each command of ``yidi`` does. Modules are loaded by the command that needs them, to keep ``yidi --help`` quick."""
