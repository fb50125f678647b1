"""Evidence on its way: what is asked, what one look has recorded, and its one form as a document."""
