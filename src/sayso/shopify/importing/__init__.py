"""Everything a store holds, read from the files of its bulk operations and applied chunk by chunk."""
