"""Values as text, Markdown and pictures of the terminal: pure; who calls prints."""
