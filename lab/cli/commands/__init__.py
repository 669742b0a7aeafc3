"""What each command of ``yidi`` does; a module is loaded by the command that needs it, to keep ``--help`` quick."""
