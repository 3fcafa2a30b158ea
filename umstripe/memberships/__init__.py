"""What a person holds, which roles that gives, and what it means in words."""
