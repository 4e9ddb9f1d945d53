"""Small files as other products export them, made by hand after their documented formats."""
