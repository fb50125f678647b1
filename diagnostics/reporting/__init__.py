"""What people and programs read: terminal, progress, HTML page, JSON, QR codes. Diagnoses in, text out."""
