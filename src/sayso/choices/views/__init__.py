"""The public pages, and the pages on which staff sets them up."""
